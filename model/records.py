"""The records of runs: a file for each, replaced as the run advances, and beside it the wish to cancel it.

An end that the disk does not take is announced: this process tells it all the same, until it is written.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TypeVar

import msgspec

from model.errors import HyperparameterError, ModelError, NotStoredError, UnsafeFileError
from model.files import Files
from model.run import Run, RunSummary, Status

_Record = TypeVar("_Record", bound=RunSummary)
_RUN_ID = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{8}")
_MAX_BYTES = 8 * 2**20  # 10,000 epochs of history take 2 MiB
_DAMAGED = (UnsafeFileError, msgspec.MsgspecError, HyperparameterError, UnicodeDecodeError, RecursionError)
_ANNOUNCED = (0, 1)  # no file has this stamp
_End = tuple[bool, datetime]  # whether the run had begun, and when it ended


class Records:
    """Records by the id of the run, among the store's files."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._ended: dict[str, _End] = {}  # ended records change no more and need not be read again
        self._announced: dict[str, bytes] = {}

    def save(self, run: Run) -> None:
        """Store a record in place of the last one of its run; a wish to cancel ends with the run."""
        self._files.write(_name(run.id), msgspec.json.encode(run))
        if run.ended:
            self._files.delete(_wish(run.id))
        self._announced.pop(run.id, None)

    def announce(self, run: Run) -> None:
        """Tell this record from now on, though it is not written."""
        self._announced[run.id] = msgspec.json.encode(run)

    def save_announced(self) -> bool:
        """Write what was announced and is not written yet, if anything; on `OSError` it stays announced."""
        announced = list(self._announced)
        for run_id in announced:
            self.save(self.find(run_id, Run))
        return bool(announced)

    def find(self, run_id: str, kind: type[_Record]) -> _Record:
        """The record of a run, whole or in short; raises `NotStoredError` if there is none that can be read."""
        if not _RUN_ID.fullmatch(run_id):
            raise NotStoredError(f"{run_id!r} is no run")
        try:
            data = self._announced.get(run_id) or self._files.read(_name(run_id), _MAX_BYTES)
            run = msgspec.json.decode(data, type=kind)
        except _DAMAGED as error:
            raise NotStoredError(f"the record of run {run_id} is damaged") from error
        if run.id != run_id:
            raise NotStoredError(f"the record of run {run_id} is of another")
        return run

    def newest(self, limit: int) -> list[RunSummary]:
        """The newest records that can be read, in short and newest first; histories are skipped, not read."""
        return list(islice(self._readable(self._ids(), RunSummary), limit))

    def pending(self) -> list[Run]:
        """Runs that have not ended, oldest first."""
        run_ids = self._ids()
        known = {run_id: self._ended[run_id] for run_id in run_ids if run_id in self._ended}
        # In short first: a process that has just begun knows of no end, and histories are long.
        found = list(self._readable((run_id for run_id in reversed(run_ids) if run_id not in known), RunSummary))
        self._ended = known | {run.id: _end(run) for run in found if run.ended}
        return [run for run in self._readable((run.id for run in found if not run.ended), Run) if not run.ended]

    def stamp(self, run_id: str) -> tuple[int, int]:
        """Something that differs when the record has been replaced, and costs little to ask for."""
        return _ANNOUNCED if run_id in self._announced else self._files.stamp(_name(run_id))

    def prune(self, keep: int, spared: set[str]) -> None:
        """Delete all but the records that ended last, those that are spared, and those of runs that have not ended.

        Runs that never began count by themselves: however many are cancelled in the queue, the others stay.
        """
        self.pending()  # looks for ends
        ends = self._ended
        for begun in (True, False):
            of_a_kind = [run_id for run_id in ends if ends[run_id][0] is begun]
            for run_id in sorted(of_a_kind, key=lambda run_id: ends[run_id], reverse=True)[keep:]:
                if run_id not in spared:
                    self._files.delete(_name(run_id))
        self.forget_wishes()

    def wish_to_cancel(self, run_id: str) -> None:
        """Ask whoever does the run to end it."""
        self._files.write(_wish(run_id), b"")

    def cancel_wished(self, run_id: str) -> bool:
        """Whether somebody asked for the end of a run."""
        return (self._files.root / _wish(run_id)).exists()

    def forget_wishes(self) -> None:
        """Delete the wishes to cancel what does not run; one may come in the moment after its run ended."""
        for run_id in self._files.names("runs", ".cancel"):
            if not self._runs_now(run_id):
                self._files.delete(_wish(run_id))

    def _runs_now(self, run_id: str) -> bool:
        try:
            return self.find(run_id, RunSummary).status is Status.RUNNING
        except NotStoredError:
            return False

    def _ids(self) -> list[str]:
        return self._files.names("runs", ".json")

    def _readable(self, run_ids: Iterable[str], kind: type[_Record]) -> Iterator[_Record]:
        for run_id in run_ids:
            try:
                yield self.find(run_id, kind)
            except (ModelError, OSError):
                continue  # deleted since, or damaged: neither may hide the others


def _end(run: RunSummary) -> _End:
    return run.started_at is not None, run.finished_at or run.created_at


def _name(run_id: str) -> str:
    return f"runs/{run_id}.json"


def _wish(run_id: str) -> str:
    return f"runs/{run_id}.cancel"
