"""The tables that users bring, and what is known of them.

Below the store's root::

    tables/<sha256>.csv        the bytes as they came; they never change, and go when nothing refers to them
    datasets/<name>.json       what the table of that name holds; points to the bytes by their digest
    inspections/<sha256>.json  what the built-in table of that digest holds

Changes are made under the store's queue lock: a table must not go while a run that needs it joins
the queue.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import BinaryIO, Final

import msgspec

from model.artifact import DatasetReference
from model.errors import (
    DatasetError,
    ModelError,
    NotStoredError,
    Problem,
    TooManyDatasetsError,
    UnknownDatasetError,
)
from model.files import Files, sync
from model.summary import DatasetSummary

NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"
MAX_BYTES: Final = 2**30
_NAME = re.compile(NAME.strip("^$"))
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAX_RECORD_BYTES = 2**20  # a hundred species of the longest names take 30 KiB


class Tables:
    """Tables and their summaries, among the store's files; `lock` is its queue lock.

    `needed` tells the digests of tables that must stay though no dataset has them any more.
    """

    def __init__(
        self, files: Files, lock: Callable[[], AbstractContextManager[object]], needed: Callable[[], set[str]]
    ) -> None:
        self._files = files
        self._lock = lock
        self._needed = needed

    def draft(self) -> AbstractContextManager[BinaryIO]:
        """A file to receive a table in, beside those that are stored; gone at the end unless it was put."""
        return self._files.draft("tables")

    def put(self, summary: DatasetSummary, draft: BinaryIO, limit: int) -> bool:
        """Store a checked table under its name and say whether the name is new.

        Raises `TooManyDatasetsError` if the name is new and `limit` others are stored.
        """
        sync(draft)  # may take its time, which others shall not wait for
        with self._lock():
            stored = self._names()
            new = summary.name not in stored
            if new and len(stored) >= limit:
                raise TooManyDatasetsError(f"{len(stored)} datasets are stored already")
            self._files.publish(draft, _table_name(summary.sha256))
            self._files.write(_dataset_name(summary.name), msgspec.json.encode(summary))
        self.collect()
        return new

    def dataset(self, name: str) -> DatasetSummary:
        """What the table of that name holds; raises `NotStoredError` if there is none that can be read."""
        if not _NAME.fullmatch(name):
            raise NotStoredError("no dataset has such a name")
        return self._summary(_dataset_name(name))

    def reference(self, name: str) -> DatasetReference:
        """The table of that name as it is now; raises `UnknownDatasetError` if there is none."""
        try:
            found = self.dataset(name)
        except NotStoredError as error:
            raise UnknownDatasetError("there is no dataset of that name") from error
        return DatasetReference(found.name, found.rows, found.sha256)

    def datasets(self) -> list[DatasetSummary]:
        """Every dataset that can be read, by name."""
        return list(self._readable())

    def read(self, sha256: str) -> bytes:
        """The bytes of a table; raises `DatasetError` unless they have that digest."""
        data = self._files.read(_table_name(sha256), MAX_BYTES)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise DatasetError(f"table {sha256[:16]}", [Problem("the stored bytes are damaged")])
        return data

    def open(self, name: str) -> BinaryIO:
        """The bytes of a dataset, to read piece by piece; they stay even if it is deleted meanwhile."""
        while True:
            found = self.dataset(name)
            try:
                return self._files.open(_table_name(found.sha256))
            except NotStoredError:
                if self.dataset(name) == found:
                    raise  # else it was replaced between the two

    def delete(self, name: str) -> None:
        """Forget a dataset; raises `NotStoredError` if there is none of that name.

        Runs that wait or train keep their table.
        """
        with self._lock():
            if name not in self._names():
                raise NotStoredError("no dataset has that name")
            self._files.delete(_dataset_name(name))
        self.collect()

    def collect(self) -> None:
        """Delete the tables that no dataset refers to and that are not needed otherwise.

        What cannot be deleted is left for the next time.
        """
        with suppress(OSError):
            self._collect()

    def _collect(self) -> None:
        if not self._files.names("tables", ".csv"):
            return
        with self._lock():
            needed = self._needed() | {summary.sha256 for summary in self._readable()}
            for sha256 in self._files.names("tables", ".csv"):
                if sha256 not in needed:
                    self._files.delete(f"tables/{sha256}.csv")

    def inspected(self, sha256: str) -> DatasetSummary | None:
        """What is known of the built-in table of that digest."""
        try:
            return self._summary(_inspection_name(sha256))
        except NotStoredError:
            return None

    def remember(self, summary: DatasetSummary) -> DatasetSummary:
        """Keep what was found in a built-in table; it needs no lock, for it is always the same."""
        summary = replace(summary, built_in=True)
        self._files.write(_inspection_name(summary.sha256), msgspec.json.encode(summary))
        return summary

    def _names(self) -> list[str]:
        return [name for name in self._files.names("datasets", ".json") if _NAME.fullmatch(name)]

    def _readable(self) -> Iterator[DatasetSummary]:
        for name in reversed(self._names()):
            try:
                yield self.dataset(name)
            except NotStoredError:
                continue  # deleted since, or damaged: neither may hide the others

    def _summary(self, name: str) -> DatasetSummary:
        try:
            summary = msgspec.json.decode(self._files.read(name, _MAX_RECORD_BYTES), type=DatasetSummary)
        except (msgspec.MsgspecError, ModelError, UnicodeDecodeError, RecursionError) as error:
            raise NotStoredError(f"{name}: there is none that can be read") from error
        if not _DIGEST.fullmatch(summary.sha256):
            raise NotStoredError(f"{name}: points to no table")
        return summary


def _dataset_name(name: str) -> str:
    return f"datasets/{name}.json"


def _inspection_name(sha256: str) -> str:
    return f"inspections/{sha256}.json"


def _table_name(sha256: str) -> str:
    if not _DIGEST.fullmatch(sha256):
        raise NotStoredError("no table has such a digest")
    return f"tables/{sha256}.csv"
