"""A directory in which every write is whole or not at all, however the writer ends.

Few verbs, so that something other than a directory can stand behind them later.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import lock_descriptor

from model.errors import NotStoredError, UnsafeFileError

_TEMPORARY = ".tmp"


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
                return file.read(max_bytes)

    def write(self, name: str, data: bytes) -> None:
        """Put the bytes there, replacing what was there; when this returns they outlive a power cut.

        Readers see the old bytes or the new ones. On `OSError` the old bytes are still there.
        """
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary_beside(path) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
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

    def sweep(self) -> None:
        """Remove what killed writers have left behind."""
        for leftover in self.root.rglob(f".*{_TEMPORARY}"):
            with suppress(OSError), leftover.open("rb") as file:
                if lock_descriptor(file.fileno(), blocking=False):  # else its writer lives
                    leftover.unlink()


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
        lock_descriptor(file.fileno())
        if os.fstat(file.fileno()).st_nlink:  # else a sweeper took it before it was locked
            return file
        file.close()


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
