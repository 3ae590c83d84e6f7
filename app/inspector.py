"""Has tables looked into by child processes; what strangers send is never parsed by the service itself."""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import msgspec

from app import children
from app.settings import Settings
from model.child import exhibit, inspect
from model.errors import DatasetError
from model.store import Store
from model.summary import DatasetSummary, Inspection, Specimens

log = logging.getLogger("uvicorn.iris")

_MAX_ANSWER_BYTES = 2**20  # a thousand rows take 250 KiB
_MAX_EXHIBITED = 8


class UncheckedError(Exception):
    """A table could not be checked, for a reason that may lie with the service and not with the table."""


class Inspector:
    """Checks tables, one at a time, and shows their rows, one at a time as well; whoever comes meanwhile waits.

    Neither waits for the other: anybody may look at rows, and only administrators bring tables.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._context = children.start_method()
        self._checking, self._showing = asyncio.Lock(), asyncio.Lock()
        self._exhibited: dict[str, Specimens] = {}
        self._children: set[BaseProcess] = set()
        self._closing = False

    async def inspect(self, table: Path, name: str) -> DatasetSummary:
        """What the table in a file holds.

        Raises `DatasetError` with what is wrong with it, `UncheckedError` if that cannot be told.
        """
        async with self._checking:
            answer = await asyncio.to_thread(self._ask, f"inspect-{name}", inspect, table, name)
        found = msgspec.json.decode(answer, type=Inspection)
        if found.summary is None:
            raise DatasetError(name, list(found.problems))
        return found.summary

    async def built_in(self) -> DatasetSummary:
        """What the built-in table holds: looked into when its bytes are new, remembered afterwards."""
        data = self._settings.data
        try:
            digest = await asyncio.to_thread(_digest, data)
        except OSError as error:
            raise UncheckedError(f"The built-in table cannot be read: {error.strerror}.") from error
        known = await asyncio.to_thread(self._store.tables.inspected, digest)
        if known:
            return known
        try:
            summary = await self.inspect(data, self._settings.built_in)
        except DatasetError as error:
            raise UncheckedError(f"The built-in table cannot be used: {error.problems[0]}.") from error
        return await asyncio.to_thread(self._store.tables.remember, summary)

    async def specimens(self, version: str) -> Specimens | None:
        """Rows of the table that a stored model has learned from, None if the table is not there any more.

        Those of a few models are remembered. Raises `UncheckedError` if they cannot be told.
        """
        async with self._showing:
            found = self._exhibited.pop(version, None)
            if found is None:
                target = exhibit, self._store.root, version, self._settings.data
                answer = await asyncio.to_thread(self._ask, f"exhibit-{version}", *target)
                found = msgspec.json.decode(answer, type=Specimens | None)
            if found is not None:
                self._exhibited[version] = found
            while len(self._exhibited) > _MAX_EXHIBITED:
                del self._exhibited[next(iter(self._exhibited))]  # the one that nobody asked for the longest
        return found

    def close(self) -> None:
        """End what is under way: who asked for it is told that the service stops."""
        self._closing = True
        for child in list(self._children):
            children.kill(child)

    def _ask(self, name: str, target: Callable[..., None], *arguments: object) -> bytes:
        """What a child has to say."""
        receiver, sender = self._context.Pipe(duplex=False)
        with receiver:
            with sender:  # closed here once the child has it: the end of the child is then the end of the pipe
                child = self._start(name, target, (*arguments, self._settings.training_memory_bytes, sender))
            try:
                return self._answer(receiver, child)
            finally:
                children.bury(child)
                self._children.discard(child)

    def _start(self, name: str, target: Callable[..., None], arguments: tuple[Any, ...]) -> BaseProcess:
        child = self._context.Process(target=target, args=arguments, name=name, daemon=True)
        self._children.add(child)
        try:
            children.start(child, self._settings.training_timeout_seconds)
        except Exception as error:
            self._children.discard(child)
            log.exception("The process that checks a table cannot be started.")
            raise UncheckedError("The table could not be checked; the service's log says why.") from error
        if self._closing:
            children.kill(child)
        return child

    def _answer(self, receiver: Connection, child: BaseProcess) -> bytes:
        timeout_seconds = self._settings.training_timeout_seconds
        if not receiver.poll(timeout_seconds):
            log.error("A table was not checked within %g seconds.", timeout_seconds)
            raise UncheckedError(f"To check the table took longer than {timeout_seconds:g} seconds.")
        try:
            return receiver.recv_bytes(_MAX_ANSWER_BYTES)
        except EOFError as error:
            child.join()
            if self._closing:
                raise UncheckedError("The service was stopped.") from error
            log.error("The process that checks a table ended with status %s.", child.exitcode)
            raise UncheckedError("The check of the table broke off; the service's log says why.") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
