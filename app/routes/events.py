"""A training run as it happens: server-sent events, of any worker's runs, from any worker."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.dependencies import ShutdownDep, StoreDep
from app.errors import problems
from model.run import Run

router = APIRouter(prefix="/train", tags=["train"])

_SECONDS_BETWEEN_LOOKS = 0.1
_MAX_SCORES = 500  # in one event


async def _run(run_id: str, store: StoreDep) -> Run:
    """The run, before the answer begins: what is not there can still be told by a status."""
    return await asyncio.to_thread(store.run, run_id)


RunDep = Annotated[Run, Depends(_run)]


@router.get("/{run_id}/events", response_class=EventSourceResponse, responses=problems(404, 503))  # noqa: FAST003
async def watch_run(
    run: RunDep, store: StoreDep, shutdown: ShutdownDep, last_event_id: Annotated[str, Header()] = ""
) -> AsyncIterator[ServerSentEvent]:
    """Follow a run: `progress` as epochs pass, then one `finished`; of an ended run all at once.

    The id of an event is the number of epochs that have been told: a client that comes back with
    `Last-Event-ID` hears the rest. A comment every 15 seconds keeps the connection alive.
    """
    told = int(last_event_id) if last_event_id.isdecimal() else 0
    seen = None
    while not shutdown.begun:  # then the client comes back, to another worker or the next start
        stamp = await asyncio.to_thread(store.run_stamp, run.id)
        if stamp != seen:
            seen = stamp
            run = await asyncio.to_thread(store.run, run.id)
            for event in _progress(run, told):
                yield event
            told = max(told, len(run.history))
        if run.ended:
            yield _finished(run)
            return
        await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)


def _progress(run: Run, told: int) -> Iterator[ServerSentEvent]:
    for start in range(told, len(run.history), _MAX_SCORES):
        scores = run.history[start : start + _MAX_SCORES]
        data = {"id": run.id, "status": run.status, "progress": run.progress, "scores": scores}
        yield _event("progress", start + len(scores), data)


def _finished(run: Run) -> ServerSentEvent:
    """The record of a run that has ended, without the history, all of which has been told."""
    record = {key: value for key, value in msgspec.to_builtins(run).items() if key != "history"}
    return _event("finished", len(run.history), record)


def _event(name: str, told: int, data: object) -> ServerSentEvent:
    return ServerSentEvent(event=name, id=str(told), raw_data=msgspec.json.encode(data).decode())
