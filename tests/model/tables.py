"""Tables for the tests: Iris.csv, and ways to spoil it."""

from pathlib import Path

import numpy as np

from model.dataset import Dataset

IRIS = Path(__file__).parents[2] / "data" / "Iris.csv"
LINES = IRIS.read_text(encoding="utf-8").splitlines()
NAMES = LINES[0].split(",")


def table(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def with_line(row: int, line: str) -> bytes:
    """Iris.csv with one line in place of another; the header is row 1."""
    return table(*LINES[: row - 1], line, *LINES[row:])


def with_cell(row: int, column: str, cell: str) -> bytes:
    cells = LINES[row - 1].split(",")
    cells[NAMES.index(column)] = cell
    return with_line(row, ",".join(cells))


def dataset(labels: list[int], X: "np.typing.NDArray[np.float64] | None" = None) -> Dataset:
    """Rows of these labels; the first measurement of each is its number, unless told otherwise."""
    if X is None:
        X = np.ones((len(labels), 4))
        X[:, 0] = np.arange(len(labels))
    species = tuple(f"species {label}" for label in range(max(labels) + 1))
    return Dataset("made up", "0" * 64, species, X, np.array(labels))
