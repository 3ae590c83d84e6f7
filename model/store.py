"""The directory of models, the pointer to the current one, and the records of runs.

The only channel between workers, training children, the script and the next start::

    models/<version>.safetensors    immutable; the version ends in the digest of the bytes
    current                         the version that serves
    runs/<run id>.json              one record for each run; the queued ones are the queue
    training.lock                   held by whoever trains
    queue.lock                      held for the moment of joining the queue
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from model import artifact
from model.artifact import Artifact
from model.errors import ArtifactError, HyperparameterError, ModelError, NotStoredError, QueueFullError
from model.files import Files
from model.run import Run, Status, failed, timestamp

_VERSION = re.compile(r"\d{8}T\d{12}Z-([0-9a-f]{16})")
_RUN_ID = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{8}")
_MAX_RUN_BYTES = 8 * 2**20  # 10,000 epochs of history take 2 MiB
_MAX_POINTER_BYTES = 256
_QUEUE_TIMEOUT_SECONDS = 10.0
_ABANDONED = "The process that trained it ended unexpectedly."


class Store:
    """Models and runs below a root directory, which is made when something is first written."""

    def __init__(self, root: Path) -> None:
        self._files = Files(root)
        self._ended: set[str] = set()  # ended records change no more and need not be read again

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
        named = _VERSION.fullmatch(version)
        if not named:
            raise NotStoredError(f"{version!r} is no version")
        data = self._files.read(_model_name(version), artifact.MAX_BYTES)
        found = artifact.digest(data)
        if found != named[1]:
            raise ArtifactError(f"{version}: the bytes have the digest {found}")
        return artifact.decode(data)

    def versions(self) -> list[str]:
        """Versions of the stored models, newest first."""
        return [name for name in self._files.names("models", ".safetensors") if _VERSION.fullmatch(name)]

    def current(self) -> str | None:
        """The version that serves, if any has been chosen yet."""
        try:
            return self._files.read("current", _MAX_POINTER_BYTES).decode("ascii", "replace").strip()
        except NotStoredError:
            return None

    def promote(self, version: str) -> None:
        """Make a version the one that serves."""
        self._files.write("current", f"{version}\n".encode())

    def save_run(self, run: Run) -> None:
        """Store the record of a run in place of its last one."""
        self._files.write(_run_name(run.id), msgspec.json.encode(run))

    def run(self, run_id: str) -> Run:
        """The record of a run; raises `NotStoredError` if there is none that can be read."""
        if not _RUN_ID.fullmatch(run_id):
            raise NotStoredError(f"{run_id!r} is no run")
        data = self._files.read(_run_name(run_id), _MAX_RUN_BYTES)
        try:
            return msgspec.json.decode(data, type=Run)
        except (msgspec.MsgspecError, HyperparameterError, UnicodeDecodeError, RecursionError) as error:
            raise NotStoredError(f"the record of run {run_id} is damaged") from error

    def runs(self, limit: int) -> list[Run]:
        """The newest records that can be read, newest first."""
        return list(islice(self._readable(self._files.names("runs", ".json")), limit))

    def pending(self) -> list[Run]:
        """Runs that have not ended, oldest first."""
        unknown = [run_id for run_id in self._files.names("runs", ".json") if run_id not in self._ended]
        runs = list(self._readable(reversed(unknown)))
        self._ended.update(run.id for run in runs if run.ended)
        return [run for run in runs if not run.ended]

    def next_queued(self) -> Run | None:
        """The run that has waited longest, if one waits."""
        return next((run for run in self.pending() if run.status is Status.QUEUED), None)

    def enqueue(self, run: Run, limit: int) -> None:
        """Put a run behind those that wait; raises `QueueFullError` if `limit` of them do."""
        with self._lock("queue.lock", _QUEUE_TIMEOUT_SECONDS):
            waiting = sum(other.status is Status.QUEUED for other in self.pending())
            if waiting >= limit:
                raise QueueFullError(f"{waiting} runs wait already")
            self.save_run(run)

    def enqueue_first(self, run: Run, refused: str | None) -> bool:
        """Queue a run if there is nothing to serve and nothing to come; say whether.

        A current model other than the refused one is something to serve: another worker was faster.
        """
        with self._lock("queue.lock", _QUEUE_TIMEOUT_SECONDS):
            if self.pending() or self.current() != refused:
                return False
            self.save_run(run)
            return True

    @contextmanager
    def training(self, timeout_seconds: float, abandoned: str = _ABANDONED) -> Iterator[bool]:
        """Be the one that trains, recording first as failed what others have begun and not ended.

        Yields False if somebody else still trains when the time is up; a timeout below 0 has no
        end. `abandoned` is the reason that those records give.
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
                    self.save_run(failed(run, abandoned))
            yield True
        finally:
            lock.release()

    def sweep(self) -> None:
        """Remove what killed writers have left behind."""
        self._files.sweep()

    def _readable(self, run_ids: Iterable[str]) -> Iterator[Run]:
        for run_id in run_ids:
            try:
                yield self.run(run_id)
            except (ModelError, OSError):
                continue  # deleted since, or damaged: neither may hide the others

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


def created_at(version: str) -> datetime:
    """When a version was made, read from its name."""
    return datetime.strptime(version.split("-", maxsplit=1)[0], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)


def _model_name(version: str) -> str:
    return f"models/{version}.safetensors"


def _run_name(run_id: str) -> str:
    return f"runs/{run_id}.json"
