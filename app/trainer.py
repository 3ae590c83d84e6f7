"""Starts, watches and ends training children; never trains itself.

The store is the queue: any worker may start the child of any queued run, and the store's training
lock sees to it that one trains at a time.
"""

import asyncio
import logging
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from app import children
from app.champion import Champion
from app.monitoring import Monitor
from app.settings import Settings
from model.child import BUSY, train
from model.errors import NotStoredError
from model.hyperparameters import Hyperparameters
from model.run import Policy, Run, Status, failed, queued
from model.store import Store

log = logging.getLogger("uvicorn.iris")

_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_BETWEEN_POLLS = 0.05
_SECONDS_BETWEEN_CHECKS = 0.1
_SECONDS_TO_CANCEL = 5.0
_SECONDS_BETWEEN_FIRST_MODELS = 30.0
_LOCK_TIMEOUT_SECONDS = 5.0
_MAX_WORDS_BYTES = 2**14
_SIGNS_OF_WANT = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS)  # of memory


@dataclass(frozen=True)
class _Ending:
    """How a child ended: its status, None if it took too long, and why it failed, if it could say so."""

    exit_status: int | None
    last_words: str | None


class Trainer:
    """The queue of runs as one worker sees it, and the child that this worker has started, if any."""

    def __init__(self, settings: Settings, store: Store, champion: Champion, monitor: Monitor) -> None:
        self._settings = settings
        self._store = store
        self._champion = champion
        self._monitor = monitor
        self._context = children.start_method()
        self._child: BaseProcess | None = None
        self._doing: str | None = None
        self._next_first = time.monotonic() + _SECONDS_BETWEEN_FIRST_MODELS
        self._trouble: str | None = None
        self._closing = False
        self._asked = asyncio.Event()
        self._ended = asyncio.Event()

    async def submit(self, run: Run, dataset: str | None = None) -> Run:
        """Put a run in the queue, to learn from a dataset or the built-in table.

        Raises `QueueFullError` if too many wait there, `UnknownDatasetError` if there is no such dataset.
        """
        own = None if dataset == self._settings.built_in else dataset
        run = await asyncio.to_thread(self._store.enqueue, run, self._settings.training_queue_size, own)
        self._asked.set()
        return run

    async def result(self, run: Run, timeout_seconds: float) -> Run:
        """The record of a run when it has ended and its model serves, or as it is when the time is up."""
        with suppress(NotStoredError):  # a record that is gone is told as it was seen last
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_seconds):
                    await self._end_of(run.id)
            run = await asyncio.to_thread(self._store.run, run.id)
        await asyncio.to_thread(self._champion.refresh)  # another worker may have done it
        return run

    async def _end_of(self, run_id: str) -> None:
        """Return when a run has ended, or nobody here will do it any more."""
        while run_id == self._doing or not (self._closing or await asyncio.to_thread(self._has_ended, run_id)):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _SECONDS_BETWEEN_POLLS)

    def _has_ended(self, run_id: str) -> bool:
        return self._store.summary(run_id).ended

    async def cancel(self, run_id: str) -> Run:
        """End a run and return its record, or the record as it is if it has ended before."""
        waiting = (await asyncio.to_thread(self._store.run, run_id)).status is Status.QUEUED
        run = await asyncio.to_thread(self._store.cancel, run_id)
        if waiting and run.ended:
            self._monitor.run_ended(run)
        return await self.result(run, _SECONDS_TO_CANCEL)

    async def first_model(self) -> None:
        """Train a model with the defaults if there is none to serve, and wait until there is one."""
        await self._ask_for_first()
        to_come = True
        while to_come and self._champion.model is None and not self._closing:
            await asyncio.sleep(_SECONDS_BETWEEN_POLLS)
            to_come = bool(await asyncio.to_thread(self._store.pending))
            await asyncio.to_thread(self._champion.refresh)

    async def _ask_for_first(self) -> None:
        self._next_first = time.monotonic() + _SECONDS_BETWEEN_FIRST_MODELS
        run = queued(Hyperparameters(), Policy.ALWAYS)
        if await asyncio.to_thread(self._store.enqueue_first, run, self._champion.refused):
            log.info("There is no model yet: training the first one from %s.", self._settings.data)
            self._asked.set()

    async def work(self) -> None:
        """Do the runs in the queue, one after the other, until `close`."""
        while not self._closing:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), _SECONDS_BETWEEN_LOOKS)
            self._asked.clear()
            await self._work_off()
            if self._champion.model is None and time.monotonic() > self._next_first:
                with suppress(OSError):  # said by then
                    await self._ask_for_first()

    def close(self) -> None:
        """End the child, if there is one, and then `work`, which records it. The queue stays for the next start."""
        self._closing = True
        self._asked.set()
        children.kill(self._child)

    async def _work_off(self) -> None:
        try:
            while not self._closing and (run := await asyncio.to_thread(self._next_run)):
                if not await self._train(run):
                    break
            self._trouble = None
        except OSError as error:
            self._complain(f"The queue of training runs cannot be worked off: {error}")
        except Exception:  # the queue must be looked at again, whatever went wrong this time
            log.exception("The queue of training runs cannot be worked off.")

    def _complain(self, trouble: str) -> None:
        """Once, not twice a second for as long as it lasts."""
        if trouble != self._trouble:
            log.error(trouble)
            self._trouble = trouble

    def _next_run(self) -> Run | None:
        with self._store.training(timeout_seconds=0, told=self._monitor.run_ended) as free:
            if not free:
                return None
            self._record_announced()
            return self._store.next_queued()

    def _record_announced(self) -> None:
        """Record what the disk did not take, trying until it does: who knows less may not close the run meanwhile."""
        while not self._closing:
            try:
                self._store.record_announced()
            except OSError as error:
                self._complain(f"The end of a training run cannot be recorded: {error}")
                time.sleep(_SECONDS_BETWEEN_CHECKS)
            else:
                return

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
            ending = await asyncio.to_thread(self._run_child, run)
        except Exception:
            if self._closing:
                return False  # it was only starting, and waits for the next start of the service
            log.exception("The training process cannot be started.")
            reason = "The training process could not be started; the service's log says why."
        else:
            if ending.exit_status == BUSY:
                return False
            reason = self._reason(ending)
        try:
            ended = await asyncio.to_thread(self._settle, run.id, reason)
        except NotStoredError as error:
            log.error("Training run %s ended without a record: %s", run.id, error)
        else:
            log.info("Training run %s %s. %s", ended.id, ended.status, ended.reason)
        await asyncio.to_thread(self._champion.refresh)
        return True

    def _run_child(self, run: Run) -> _Ending:
        """Have a child do the run, and end it if it takes too long or is not wanted any more."""
        receiver, sender = self._context.Pipe(duplex=False)
        with receiver:
            with sender:  # closed here once the child has it: the end of the child is then the end of the pipe
                target = (self._store.root, run.id, self._settings.terms(), sender)
                child = self._context.Process(target=train, args=target, name=f"train-{run.id}", daemon=True)
                self._child = child  # for `close` to find, if it does not come before the next line
                if self._closing:
                    return _Ending(BUSY, None)
                children.start(child, self._settings.training_timeout_seconds)
            exit_status = self._watch(child, run)
            if exit_status != 0:
                self._sweep()
            return _Ending(exit_status, _last_words(receiver))

    def _sweep(self) -> None:
        """Remove what a killed child was about to write."""
        with suppress(OSError):  # what the disk does not let go is removed at the next start
            self._store.sweep()

    def _watch(self, child: BaseProcess, run: Run) -> int | None:
        try:
            deadline = time.monotonic() + self._settings.training_timeout_seconds
            while child.is_alive() and time.monotonic() < deadline:
                if self._closing or self._store.cancel_asked(run.id):
                    break
                child.join(_SECONDS_BETWEEN_CHECKS)
            return child.exitcode
        finally:
            children.bury(child)
            self._child = None

    def _settle(self, run_id: str, reason: str) -> Run:
        """The record of a run whose child has ended, closed with the reason if the child could not.

        Where the disk does not take it, this worker tells it until it does.
        """
        try:
            return self._recorded(run_id, reason)
        except OSError as error:
            self._complain(f"The end of a training run cannot be recorded: {error}")
        run = self._store.announce_end(run_id, reason)
        self._monitor.run_ended(run)
        return run

    def _recorded(self, run_id: str, reason: str) -> Run:
        run = self._store.run(run_id)
        if run.status is Status.RUNNING:
            with self._store.training(_LOCK_TIMEOUT_SECONDS, reason, told=self._monitor.run_ended):
                return self._store.run(run_id)
        if run.status is Status.QUEUED:
            run = failed(run, reason)
            self._store.save_run(run)
        self._monitor.run_ended(run)
        return run

    def _reason(self, ending: _Ending) -> str:
        exit_status = ending.exit_status
        if ending.last_words:
            return ending.last_words
        if self._closing:
            return "The service was stopped."
        if exit_status is None:
            return f"It took longer than {self._settings.training_timeout_seconds:g} seconds."
        if exit_status == children.FORK_SERVER_ENDED:
            return "The process that starts the training processes was ended, and with it the training."
        if exit_status < 0:
            by = signal.Signals(-exit_status)
            want = f", most often for want of memory: it may take {self._settings.training_memory_bytes // 2**20} MiB"
            system = ", by somebody or by the system, which does so where memory runs out"
            guess = want if by in _SIGNS_OF_WANT else system if by is signal.SIGKILL else ""
            return f"The training process was ended by {by.name}{guess}."
        return f"The training process ended with status {exit_status}; the service's log says why."


def _last_words(receiver: Connection) -> str | None:
    with suppress(EOFError):
        return receiver.recv_bytes(_MAX_WORDS_BYTES).decode()
    return None
