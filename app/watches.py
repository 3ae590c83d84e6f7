"""Runs as this worker's readers follow them: each is looked at once for all who follow it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from model.errors import ModelError
from model.run import Run
from model.store import Store

MAX_READERS: Final = 256
_SECONDS_BETWEEN_LOOKS = 0.1


class TooManyReadersError(Exception):
    """As many readers follow runs as one worker takes."""


class Watch:
    """One run, and those who wait for its next record."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.readers = 0
        self.closed = False
        self.changed = asyncio.Event()
        """Set as soon as there is another record than this, or none any more; the next one has an event of its own."""

    @property
    def over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.run.ended or self.closed

    def tell(self, run: Run) -> None:
        """There is a new record; a slow reader will hear of the last one only."""
        self.run = run
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def close(self) -> None:
        """Nothing more will be told: the readers may go, and come back to another worker or the next start."""
        self.closed = True
        self.tell(self.run)

    async def look(self, store: Store) -> None:
        """Tell of every change in the store, for as long as anybody reads."""
        try:
            seen = None
            while self.readers and not self.over:
                stamp = await asyncio.to_thread(store.run_stamp, self.run.id)
                if stamp != seen:
                    seen = stamp
                    self.tell(await asyncio.to_thread(store.run, self.run.id))
                await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
        except (ModelError, OSError):  # whoever comes back is told by a status
            self.close()


class Watches:
    """The runs that somebody follows."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watches: dict[str, tuple[Watch, asyncio.Task[None]]] = {}
        self._closed = False

    @contextmanager
    def following(self, run: Run) -> Iterator[Watch]:
        """Follow a run with those who follow it already; raises `TooManyReadersError` if there are too many."""
        if sum(watch.readers for watch, _ in self._watches.values()) >= MAX_READERS:
            raise TooManyReadersError
        watch = self._watch(run)
        watch.readers += 1
        try:
            yield watch
        finally:
            watch.readers -= 1
            if not watch.readers:
                del self._watches[run.id]

    def _watch(self, run: Run) -> Watch:
        if run.id not in self._watches:
            watch = Watch(run)
            watch.closed = self._closed
            self._watches[run.id] = watch, asyncio.create_task(watch.look(self._store))
        watch, _ = self._watches[run.id]
        if len(run.history) > len(watch.run.history):
            watch.tell(run)
        return watch

    def close(self) -> None:
        """The service is to stop: end every stream, and those that are still asked for."""
        self._closed = True
        for watch, _ in self._watches.values():
            watch.close()
