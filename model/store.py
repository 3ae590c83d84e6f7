"""The directory of models, the pointer to the current one, and the records of runs.

The only channel between workers, training children, the script and the next start::

    models/<version>.safetensors    immutable; the version ends in the digest of the bytes
    current                         the version that serves, and below it those that served before
    runs/<run id>.json              one record for each run; the queued ones are the queue
    runs/<run id>.cancel            there if a running one shall end
    tables/ datasets/ inspections/  what users bring to train on: see model.tables
    training.lock                   held by whoever trains
    queue.lock                      held for the moment of joining or leaving the queue, or of changing datasets
    pointer.lock                    held for the moment of changing the pointer
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from model import artifact
from model.artifact import Artifact
from model.errors import ArtifactError, ModelError, NotStoredError, QueueFullError
from model.files import Files
from model.records import Records
from model.run import Run, RunSummary, Status, Verdict, begun, cancelled, failed, informed, succeeded, timestamp
from model.succession import Reign, Succession
from model.tables import Tables

_VERSION = re.compile(r"\d{8}T\d{12}Z-([0-9a-f]{16})")
_LOCK_TIMEOUT_SECONDS = 10.0
_ABANDONED = "The process that trained it ended unexpectedly."


def _unheard(_: Run) -> None:
    """Where nobody wants to hear of a run."""


class Store:
    """Models and runs below a root directory, which is made when something is first written."""

    def __init__(self, root: Path) -> None:
        self._files = Files(root)
        self._succession = Succession(self._files)
        self._records = Records(self._files)
        self.tables = Tables(self._files, lambda: self._lock("queue.lock", _LOCK_TIMEOUT_SECONDS), self._needed_tables)
        self._learned_from: dict[str, str] = {}

    @property
    def root(self) -> Path:
        """The directory."""
        return self._files.root

    def add_model(self, model: Artifact) -> str:
        """Store an artifact and return its version."""
        data = artifact.encode(model)
        version = f"{timestamp(datetime.now(UTC))}-{artifact.digest(data)}"
        self._files.write(_model_name(version), data)
        return version

    def model(self, version: str) -> Artifact:
        """The artifact of a version.

        Raises `NotStoredError` if there is none, `ArtifactError` (or `UnsafeFileError`) if it is
        damaged or is not what its version says.
        """
        return artifact.decode(self.model_bytes(version))

    def model_bytes(self, version: str) -> bytes:
        """The bytes of a version's artifact; raises as `model` does, but does not look into them."""
        named = _VERSION.fullmatch(version)
        if not named:
            raise NotStoredError(f"{version!r} is no version")
        data = self._files.read(_model_name(version), artifact.MAX_BYTES)
        found = artifact.digest(data)
        if found != named[1]:
            raise ArtifactError(f"{version}: the bytes have the digest {found}")
        return data

    def model_stamp(self, version: str) -> tuple[int, int]:
        """Something that differs when the file of a version has been replaced or written to."""
        return self._files.stamp(_model_name(version)) if _VERSION.fullmatch(version) else (0, 0)

    def versions(self) -> list[str]:
        """Versions of the stored models, newest first."""
        return [name for name in self._files.names("models", ".safetensors") if _is_version(name)]

    def current(self) -> str | None:
        """The version that serves, if any has been chosen yet."""
        return self._succession.current()

    def succession(self) -> list[Reign]:
        """Who served since when, the version that serves first."""
        return self._succession.reigns()

    def promote(self, version: str, run_id: str | None = None) -> None:
        """Make a version the one that serves; raises `NotStoredError` if there is none of that name."""
        with self._lock("pointer.lock", _LOCK_TIMEOUT_SECONDS):
            if version not in self.versions():
                raise NotStoredError(f"{version!r} is not stored")
            self._succession.append(version, run_id)

    def prune(self, keep: int) -> None:
        """Delete all but the newest models and the runs that ended last.

        The current model, its predecessor, the runs that made them so and the queue stay.
        """
        with self._lock("pointer.lock", _LOCK_TIMEOUT_SECONDS):
            served = self._current_and_predecessor()
            for version in self.versions()[keep:]:
                if version not in served:
                    self._files.delete(_model_name(version))
        self._records.prune(
            keep, {reign.run_id for reign in self.succession() if reign.run_id and reign.version in served}
        )
        self.tables.collect()

    def save_run(self, run: Run) -> None:
        """Store the record of a run in place of its last one; a wish to cancel ends with the run."""
        self._records.save(run)

    def run(self, run_id: str) -> Run:
        """The record of a run; raises `NotStoredError` if there is none that can be read."""
        return self._records.find(run_id, Run)

    def summary(self, run_id: str) -> RunSummary:
        """The record of a run in short; its history, which may be long, is skipped, not read."""
        return self._records.find(run_id, RunSummary)

    def runs(self, limit: int) -> list[RunSummary]:
        """The newest records that can be read, in short and newest first; histories are skipped, not read."""
        return self._records.newest(limit)

    def pending(self) -> list[Run]:
        """Runs that have not ended, oldest first."""
        return self._records.pending()

    def next_queued(self) -> Run | None:
        """The run that has waited longest, if one waits."""
        return next((run for run in self.pending() if run.status is Status.QUEUED), None)

    def enqueue(self, run: Run, limit: int, dataset: str | None = None) -> Run:
        """Put a run behind those that wait, to learn from a dataset as it is now, if one is named.

        Raises `QueueFullError` if `limit` of them wait, `UnknownDatasetError` if there is no such dataset.
        """
        with self._lock("queue.lock", _LOCK_TIMEOUT_SECONDS):
            if dataset is not None:
                run = informed(run, self.tables.reference(dataset))
            waiting = sum(other.status is Status.QUEUED for other in self.pending())
            if waiting >= limit:
                raise QueueFullError(f"{waiting} runs wait already")
            self.save_run(run)
            return run

    def enqueue_first(self, run: Run, refused: str | None) -> bool:
        """Queue a run if there is nothing to serve and nothing to come; say whether.

        A current model other than the refused one is something to serve: another worker was faster.
        """
        with self._lock("queue.lock", _LOCK_TIMEOUT_SECONDS):
            if self.pending() or self.current() != refused:
                return False
            self.save_run(run)
            return True

    def begin(self, run_id: str) -> Run | None:
        """Take a run out of the queue to do it; None if it is not there any more."""
        with self._lock("queue.lock", _LOCK_TIMEOUT_SECONDS):
            run = self.run(run_id)
            if run.status is not Status.QUEUED:
                return None
            self.save_run(run := begun(run))
            return run

    def cancel(self, run_id: str) -> Run:
        """End a run that waits, or ask for the end of one that runs; an ended one is left as it is."""
        with self._lock("queue.lock", _LOCK_TIMEOUT_SECONDS):
            run = self.run(run_id)
            if run.status is Status.QUEUED:
                self.save_run(run := cancelled(run))
            elif run.status is Status.RUNNING:
                self._records.wish_to_cancel(run_id)
        self.tables.collect()
        return run

    def cancel_asked(self, run_id: str) -> bool:
        """Whether the end of a running run was asked for."""
        return self._records.cancel_wished(run_id)

    def close(self, run: Run, reason: str) -> Run:
        """Record the end of a run whose process could not: cancelled, or done but for the last word, or failed."""
        run = self._ended(run, reason)
        self.save_run(run)
        self.tables.collect()
        return run

    def announce_end(self, run_id: str, reason: str) -> Run:
        """Find the end of a run as `close` does, and tell it from now on though the disk does not take it."""
        run = self.run(run_id)
        if not run.ended:
            run = self._ended(run, reason)
            self._records.announce(run)
        return run

    def record_announced(self) -> None:
        """Record the ends that were announced and not recorded since; on `OSError` they are told on."""
        if self._records.save_announced():
            self.tables.collect()

    def _ended(self, run: Run, reason: str) -> Run:
        if any(reign.run_id == run.id for reign in self.succession()):
            return succeeded(run, Verdict(promote=True, reason="Its model was made current."))
        return cancelled(run) if self.cancel_asked(run.id) else failed(run, reason)

    def _current_and_predecessor(self) -> list[str]:
        served = [self.current(), *(reign.version for reign in self.succession())]
        return [version for version in dict.fromkeys(served) if version][:2]

    def _needed_tables(self) -> set[str]:
        """Digests of the tables of runs that have not ended, and of those by which a new model is examined.

        These are what the current model and its predecessor have learned from.
        """
        of_runs = {run.dataset.sha256 for run in self.pending() if run.dataset}
        return of_runs | {self._table_of(version) for version in self._current_and_predecessor()}

    def _table_of(self, version: str) -> str:
        """Digest of the table that a model has learned from; empty if the model cannot be read."""
        if version not in self._learned_from:
            try:
                self._learned_from[version] = self.model(version).card.dataset.sha256
            except ModelError:
                return ""
        return self._learned_from[version]

    @contextmanager
    def training(
        self, timeout_seconds: float, abandoned: str = _ABANDONED, told: Callable[[Run], None] = _unheard
    ) -> Iterator[bool]:
        """Be the one that trains, recording first as failed what others have begun and not ended.

        Yields False if somebody else still trains when the time is up; a timeout below 0 has no
        end. `abandoned` is the reason that those records give, and `told` hears of each.
        """
        lock = self._lock("training.lock", timeout_seconds)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            for run in self.pending():
                if run.status is Status.RUNNING:
                    told(self.close(run, abandoned))
            yield True
        finally:
            lock.release()

    def run_stamp(self, run_id: str) -> tuple[int, int]:
        """Something that differs when the record of a run has been replaced, and costs little to ask for."""
        return self._records.stamp(run_id)

    def sweep(self) -> None:
        """Remove what killed writers have left behind."""
        self._files.sweep()
        self._records.forget_wishes()
        self.tables.collect()

    def _lock(self, name: str, timeout_seconds: float) -> FileLock:
        self.root.mkdir(parents=True, exist_ok=True)
        # Never the library's fallback, a file that outlives a killed holder.
        return FileLock(
            self.root / name,
            timeout=timeout_seconds,
            poll_interval=0.01,
            fallback_to_soft=False,
            preserve_lock_file=True,
        )


def _is_version(name: str) -> bool:
    with suppress(ValueError):
        return bool(_VERSION.fullmatch(name) and created_at(name))
    return False


def created_at(version: str) -> datetime:
    """When a version was made, read from its name."""
    return datetime.strptime(version.split("-", maxsplit=1)[0], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)


def _model_name(version: str) -> str:
    return f"models/{version}.safetensors"
