"""A directory in which every write is whole or not at all, however the writer ends.

Few verbs, so that something other than a directory can stand behind them later.
"""

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import lock_descriptor

from model.errors import NotStoredError, UnsafeFileError

_TEMPORARY = ".tmp"
_TEMPORARY_NAME = re.compile(r"\..+\.[0-9a-f]{16}\.tmp")


class Files:
    """Bytes by name below a root; a name is a relative path."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, name: str, max_bytes: int) -> bytes:
        """The bytes of that name.

        Raises
        ------
        NotStoredError
            If there are none.
        UnsafeFileError
            If it is a link, no regular file, or larger than `max_bytes`; nothing is read then.
        OSError
            As the system says.
        """
        with _opened(self.root / name) as descriptor:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise UnsafeFileError(f"{name}: expected a regular file")
            if found.st_size > max_bytes:
                raise UnsafeFileError(f"{name}: expected at most {max_bytes} bytes, found {found.st_size}")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(found.st_size)  # not max_bytes: as much memory would be taken first

    def open(self, name: str) -> BinaryIO:
        """The bytes of that name, to read piece by piece; raises as `read` does."""
        with _opened(self.root / name) as descriptor:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnsafeFileError(f"{name}: expected a regular file")
            return os.fdopen(os.dup(descriptor), "rb")

    def write(self, name: str, data: bytes) -> None:
        """Put the bytes there, replacing what was there; when this returns they outlive a power cut.

        Readers see the old bytes or the new ones. On `OSError` the old bytes are still there, but where
        only the last step failed, to make the new name outlive a power cut.
        """
        path = self.root / name
        _make_directory(path.parent)
        with _temporary_beside(path) as file:
            file.write(data)
            self.publish(file, name)

    def draft(self, folder: str) -> AbstractContextManager[BinaryIO]:
        """A new file in a folder, to write piece by piece; gone at the end unless it was published."""
        path = self.root / folder / "draft"
        _make_directory(path.parent)
        return _temporary_beside(path)

    def publish(self, draft: BinaryIO, name: str) -> None:
        """Put what was written to a draft there, as `write` does; name and draft are of one folder."""
        path = self.root / name
        sync(draft)
        os.replace(draft.name, path)
        _sync_directory(path.parent)

    def delete(self, name: str) -> None:
        """Remove the bytes of that name, if there are any."""
        (self.root / name).unlink(missing_ok=True)

    def names(self, folder: str, suffix: str) -> list[str]:
        """Names in a folder that end so, without folder and ending, in descending order."""
        try:
            found = os.listdir(self.root / folder)
        except FileNotFoundError:
            return []
        return sorted(
            (name.removesuffix(suffix) for name in found if name.endswith(suffix) and name[0] != "."), reverse=True
        )

    def stamp(self, name: str) -> tuple[int, int]:
        """Something that differs when the bytes of that name have been replaced; (0, 0) if there are none."""
        try:
            found = (self.root / name).stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_ino, found.st_mtime_ns

    def sweep(self) -> None:
        """Remove what killed writers have left behind."""
        for folder in (self.root, *(path for path in self.root.glob("*") if path.is_dir() and not path.is_symlink())):
            for leftover in folder.glob(f".*{_TEMPORARY}"):
                if _TEMPORARY_NAME.fullmatch(leftover.name):
                    with suppress(OSError, NotStoredError):  # another sweeper was faster
                        _remove_abandoned(leftover)


def sync(file: BinaryIO) -> None:
    """Bring what was written to the disk, so that it outlives a power cut."""
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    # Not blocking, for a named pipe would wait here for its writer.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError as error:
        raise NotStoredError(f"{path.name}: there is none") from error
    except OSError as error:
        if path.is_symlink():
            raise UnsafeFileError(f"{path.name}: expected a regular file, found a link") from error
        raise
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _remove_abandoned(path: Path) -> None:
    with _opened(path) as descriptor:
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and lock_descriptor(descriptor, blocking=False):
            path.unlink()  # its writer does not hold the lock any more


@contextmanager
def _temporary_beside(path: Path) -> Iterator[BinaryIO]:
    """A new file in the path's directory, locked while it is open, gone if it is not moved away."""
    file = _locked(path)
    try:
        with file:
            yield file
    finally:
        with suppress(FileNotFoundError):
            os.unlink(file.name)


def _locked(path: Path) -> BinaryIO:
    while True:
        file = path.with_name(f".{path.name}.{secrets.token_hex(8)}{_TEMPORARY}").open("xb")
        try:
            lock_descriptor(file.fileno())
        except OSError:
            file.close()
            os.unlink(file.name)
            raise
        if os.fstat(file.fileno()).st_nlink:  # else a sweeper took it before it was locked
            return file
        file.close()


def _make_directory(path: Path) -> None:
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
