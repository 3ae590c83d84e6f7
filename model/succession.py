"""The pointer to the version that serves, and below it those that served before: the line of succession."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from model.errors import NotStoredError, UnsafeFileError
from model.files import Files

_NAME: Final = "current"
_MAX_BYTES: Final = 2**16
_MAX_REIGNS: Final = 200


@dataclass(frozen=True)
class Reign:
    """Which version served from when on, and the run that made it so, if it was one."""

    version: str
    since: datetime
    run_id: str | None

    def __str__(self) -> str:
        return f"{self.version} {self.since.isoformat()} {self.run_id or '-'}"


class Succession:
    """One line of text for each reign, the present one first."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def current(self) -> str | None:
        """The version that serves, if any has been chosen yet; a damaged pointer names what is no version."""
        lines = self._lines()
        return lines[0].partition(" ")[0] if lines else None

    def reigns(self) -> list[Reign]:
        """Who served since when, the version that serves first; lines written by hand are left out."""
        return list(_reigns(self._lines()))

    def append(self, version: str, run_id: str | None) -> None:
        """Make a version the one that serves, unless it does; one does so at a time."""
        reigns = self.reigns()
        if reigns and version == reigns[0].version == self.current():
            return  # else it would become its own predecessor, and drive out those before it
        reigns = [Reign(version, datetime.now(UTC), run_id), *reigns][:_MAX_REIGNS]
        self._files.write(_NAME, "".join(f"{reign}\n" for reign in reigns).encode())

    def _lines(self) -> list[str]:
        try:
            return self._files.read(_NAME, _MAX_BYTES).decode("ascii", "replace").splitlines()
        except NotStoredError:
            return []
        except UnsafeFileError:
            return ["damaged"]


def _reigns(lines: list[str]) -> Iterator[Reign]:
    for line in lines:
        with suppress(ValueError):
            version, since, run_id = line.split(" ")
            yield Reign(version, datetime.fromisoformat(since), None if run_id == "-" else run_id)
