"""Starts, watches and ends training children; never trains itself.

The store is the queue: any worker may start the child of any queued run, and the store's training
lock sees to it that one trains at a time.
"""

import asyncio
import logging
import multiprocessing
import signal
from contextlib import suppress
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess

from app.champion import Champion
from app.monitoring import Monitor
from app.settings import Settings
from model.child import BUSY, PRELOAD, train
from model.hyperparameters import Hyperparameters
from model.run import Run, Status, failed, queued
from model.store import Store

log = logging.getLogger("uvicorn.iris")

_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_BETWEEN_POLLS = 0.05
_LOCK_TIMEOUT_SECONDS = 5.0


class Trainer:
    """The queue of runs as one worker sees it, and the child that this worker has started, if any."""

    def __init__(self, settings: Settings, store: Store, champion: Champion, monitor: Monitor) -> None:
        self._settings = settings
        self._store = store
        self._champion = champion
        self._monitor = monitor
        self._context = _start_method()
        self._child: BaseProcess | None = None
        self._doing: str | None = None
        self._closing = False
        self._asked = asyncio.Event()
        self._ended = asyncio.Event()

    async def submit(self, hyperparameters: Hyperparameters) -> Run:
        """Put a run in the queue; raises `QueueFullError` if too many wait there."""
        run = queued(hyperparameters)
        await asyncio.to_thread(self._store.enqueue, run, self._settings.training_queue_size)
        self._asked.set()
        return run

    async def result(self, run: Run, timeout_seconds: float) -> Run:
        """The record of a run when it has ended and its model serves, or as it is when the time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while not run.ended or run.id == self._doing:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._ended.wait(), _SECONDS_BETWEEN_POLLS)
                    run = await asyncio.to_thread(self._store.run, run.id)
        await asyncio.to_thread(self._champion.refresh)  # another worker may have done it
        return run

    async def first_model(self) -> None:
        """Train a model with the defaults if there is none to serve, and wait until there is one."""
        run = queued(Hyperparameters())
        if await asyncio.to_thread(self._store.enqueue_first, run, self._champion.refused):
            log.info("There is no model yet: training the first one from %s.", self._settings.data)
            self._asked.set()
        to_come = True
        while to_come and self._champion.model is None:
            await asyncio.sleep(_SECONDS_BETWEEN_POLLS)
            to_come = bool(await asyncio.to_thread(self._store.pending))
            await asyncio.to_thread(self._champion.refresh)

    async def work(self) -> None:
        """Do the runs in the queue, one after the other, until `close`."""
        while not self._closing:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), _SECONDS_BETWEEN_LOOKS)
            self._asked.clear()
            await self._work_off()

    def close(self) -> None:
        """End the child, if there is one, and then `work`, which records it. The queue stays for the next start."""
        self._closing = True
        self._asked.set()
        self._kill()

    async def _work_off(self) -> None:
        try:
            while not self._closing and (run := await asyncio.to_thread(self._next_run)):
                if not await self._train(run):
                    return
        except Exception:  # the queue must be looked at again, whatever went wrong this time
            log.exception("The queue of training runs cannot be worked off.")

    def _next_run(self) -> Run | None:
        with self._store.training(timeout_seconds=0) as free:
            return self._store.next_queued() if free else None

    async def _train(self, run: Run) -> bool:
        """Whether the run was this worker's to do; if so, it has ended."""
        self._doing = run.id
        try:
            return await self._do(run)
        finally:
            self._doing = None
            self._ended.set()
            self._ended.clear()

    async def _do(self, run: Run) -> bool:
        try:
            exit_status = await asyncio.to_thread(self._run_child, run)
        except Exception:
            log.exception("The training process cannot be started.")
            reason = "The training process could not be started; the service's log says why."
        else:
            if exit_status == BUSY:
                return False
            reason = self._reason(exit_status)
        ended = await asyncio.to_thread(self._settle, run.id, reason)
        self._monitor.run_ended(ended)
        log.info("Training run %s %s. %s", ended.id, ended.status, ended.reason)
        await asyncio.to_thread(self._champion.refresh)
        return True

    def _run_child(self, run: Run) -> int | None:
        """Exit status of the child that does the run; None if it took too long and was ended."""
        target = (self._store.root, run.id, self._settings.data)
        self._child = self._context.Process(target=train, args=target, name=f"train-{run.id}", daemon=True)
        self._child.start()
        if self._closing:
            self._kill()
        self._child.join(self._settings.training_timeout_seconds)
        exit_status = self._child.exitcode
        self._kill()
        self._child.join()
        self._child.close()
        self._child = None
        return exit_status

    def _kill(self) -> None:
        """At once: a child may hang and not hear a kinder word."""
        with suppress(AttributeError, ValueError):  # there is none, it is only starting, or it is closed
            self._child.kill()  # type: ignore[union-attr]

    def _settle(self, run_id: str, reason: str) -> Run:
        """The record of a run whose child has ended, closed with the reason if the child could not."""
        run = self._store.run(run_id)
        if run.ended:
            return run
        with self._store.training(_LOCK_TIMEOUT_SECONDS, reason):
            run = self._store.run(run_id)
            if run.status is Status.QUEUED:
                run = failed(run, reason)
                self._store.save_run(run)
        return run

    def _reason(self, exit_status: int | None) -> str:
        if self._closing:
            return "The service was stopped."
        if exit_status is None:
            return f"It took longer than {self._settings.training_timeout_seconds:g} seconds."
        if exit_status < 0:
            return f"The training process was ended by {signal.Signals(-exit_status).name}."
        return f"The training process ended with status {exit_status}; the service's log says why."


def _start_method() -> ForkServerContext | SpawnContext:
    """A fork server where there is one: it loads what training needs once, not for each child."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context
