"""A training run as it happens: server-sent events, of any worker's runs, from any worker."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.dependencies import StoreDep, WatchesDep
from app.errors import problems
from app.watches import Watch
from model.run import Run

router = APIRouter(prefix="/train", tags=["train"])

_MAX_SCORES = 100  # in one event: of a reader who is slow, the service holds a few events
_TOLD = re.compile("[0-9]{1,7}")


async def _watch(run_id: str, store: StoreDep, watches: WatchesDep) -> AsyncIterator[Watch]:
    """The run, before the answer begins: what is not there can still be told by a status."""
    run = await asyncio.to_thread(store.run, run_id)
    with watches.following(run) as watch:
        yield watch


WatchDep = Annotated[Watch, Depends(_watch)]


@router.get("/{run_id}/events", response_class=EventSourceResponse, responses=problems(404, 503))  # noqa: FAST003
async def watch_run(watch: WatchDep, last_event_id: Annotated[str, Header()] = "") -> AsyncIterator[ServerSentEvent]:
    """Follow a run: `progress` as epochs pass, then one `finished`; of an ended run all at once.

    The id of an event is the number of epochs that have been told: a client that comes back with
    `Last-Event-ID` hears the rest; one that names no event of this run hears all. A comment every
    15 seconds keeps the connection alive. A worker takes 256 readers; more are answered 503.
    """
    told = _told(last_event_id, watch.run)
    # The record is looked up for each event: who held it, and was slow to take the event, would keep it in memory.
    while True:
        changed = watch.changed
        if told >= len(watch.run.history) > 0 and not watch.run.ended:
            yield _still(watch.run)
        while told < len(watch.run.history):
            event, told = _progress(watch.run, told)
            yield event
        if watch.run.ended:
            yield _finished(watch.run)
        if watch.over:
            return
        await changed.wait()


def _told(last_event_id: str, run: Run) -> int:
    told = int(last_event_id) if _TOLD.fullmatch(last_event_id) else 0
    return told if told <= len(run.history) else 0


def _progress(run: Run, told: int) -> tuple[ServerSentEvent, int]:
    """The next scores that have not been told, and how many have been told with them."""
    scores = run.history[told : told + _MAX_SCORES]
    told += len(scores)
    data = {"id": run.id, "status": run.status, "progress": run.progress, "scores": scores}
    return _event("progress", told, data), told


def _still(run: Run) -> ServerSentEvent:
    """Progress without scores: cross-validation, whose epochs leave none, goes on."""
    data = {"id": run.id, "status": run.status, "progress": run.progress, "scores": []}
    return _event("progress", len(run.history), data)


def _finished(run: Run) -> ServerSentEvent:
    """The record of a run that has ended, without the history, all of which has been told."""
    record = {key: value for key, value in msgspec.to_builtins(run).items() if key != "history"}
    return _event("finished", len(run.history), record)


def _event(name: str, told: int, data: object) -> ServerSentEvent:
    return ServerSentEvent(event=name, id=str(told), raw_data=msgspec.json.encode(data).decode())
