"""CSV -> a validated Dataset, and its split into training, validation and test rows.

Everything that pandas does for this project, it does here.
"""

import csv
import hashlib
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.errors import DatasetError, Problem
from model.features import COLUMNS, FEATURES, ID_COLUMN, MAX_CENTIMETRES, SPECIES_COLUMN

TEST_SHARE = 0.15
VALIDATION_SHARE = 0.10  # of the rows that are left when the test rows are out
MIN_ROWS_PER_SPECIES = 5
MAX_SPECIES = 100
MAX_PROBLEMS = 20

_SPELLING = {"id": ID_COLUMN, **dict(zip(FEATURES, COLUMNS, strict=True)), "species": SPECIES_COLUMN}
# Either spelling of a header -> the name by which the code below knows the column.
_CANONICAL = {header: name for name, pair in _SPELLING.items() for header in (name, pair)}
_NUMBER = re.compile(r" *[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})? *")
_QUOTED = re.compile(rb'"[^"]*"?')
_MIN_CENTIMETRES = 0.001  # thinner than a hair
# Starts with a letter or digit: a spreadsheet takes a cell that starts with = + - @ for a formula.
_WORDS = re.compile(r"[^\W_]([\w .-]{0,62}[\w.-])?")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Measurements and species of n flowers.

    Attributes
    ----------
    name : str
        By which runs and artifacts refer to the table.
    sha256 : str
        Hex digest of the bytes that the table was read from.
    species : tuple of str
        In alphabetical order; a label is an index into it.
    X : float64 array, shape (n, 4)
        Measurements in centimetres, columns in the order of `model.features.FEATURES`.
    labels : int64 array, shape (n,)
    """

    name: str
    sha256: str
    species: tuple[str, ...]
    X: NDArray[np.float64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def targets(self) -> NDArray[np.float64]:
        """The labels one-hot: float64 (n, species), a single 1 in each row."""
        return np.eye(len(self.species))[self.labels]

    def take(self, rows: NDArray[np.int64]) -> "Dataset":
        """The rows of the given indices, in their order."""
        return replace(self, X=self.X[rows], labels=self.labels[rows])


@dataclass(frozen=True)
class Split:
    """One table dealt into rows to learn from, rows to watch while learning, and rows never seen."""

    training: Dataset
    validation: Dataset
    test: Dataset


def split(dataset: Dataset, rng: np.random.Generator) -> Split:
    """Shuffle the rows and deal them out, each species in its proportion.

    Of n rows ceil(0.15 n) are for the test and ceil(0.10) of the rest for validation: 23, 13 and
    114 of Iris's 150. Every species has at least one row in each part.
    """
    shuffled = rng.permutation(len(dataset))
    rest, test = draw_share(shuffled, dataset, TEST_SHARE)
    training, validation = draw_share(rest, dataset, VALIDATION_SHARE)
    return Split(dataset.take(training), dataset.take(validation), dataset.take(test))


def draw_share(rows: NDArray[np.int64], dataset: Dataset, share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The other rows, and the share of each species that is taken off their front; both keep the rows' order."""
    labels = dataset.labels[rows]
    counts = np.bincount(labels, minlength=len(dataset.species))
    taken = np.zeros(len(rows), dtype=bool)
    for label, quota in enumerate(_quotas(counts, share)):
        taken[np.flatnonzero(labels == label)[:quota]] = True
    return rows[~taken], rows[taken]


def _quotas(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """How many rows of each species make up the share: the method of largest remainders, at least 1."""
    exact = counts * share
    quotas: NDArray[np.int64] = np.maximum(np.floor(exact), 1).astype(np.int64)
    missing = math.ceil(counts.sum() * share) - quotas.sum()
    by_remainder = np.argsort(quotas - exact, kind="stable")
    quotas[by_remainder[: max(missing, 0)]] += 1
    return quotas


def read_csv(path: Path) -> Dataset:
    """The table in a file; it takes its name from the file's.

    Raises
    ------
    DatasetError
        If the file cannot be read or the table cannot be trained on, naming row and column.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        problem = Problem(f"the file cannot be read: {error.strerror}")
        raise DatasetError(str(path), [problem]) from error
    return parse_csv(data, name=path.stem.lower(), source=str(path))


def parse_csv(data: bytes, name: str, source: str) -> Dataset:
    """The table in some bytes of CSV; `source` is what errors call it.

    Columns come in any order and in either spelling (`SepalLengthCm` or `sepal_length`), `Id` is
    optional. Raises `DatasetError` with up to 20 problems.
    """
    try:
        table = _read_cells(_decode(data))
        _refuse(problem for column in _checked(table) for problem in _problems(column, table[column]))
        _refuse(_species_problems(table["species"]))
    except _RefusedError as refusal:
        raise DatasetError(source, refusal.problems) from refusal.__cause__
    species = pd.Categorical(table["species"])  # categories in alphabetical order
    return Dataset(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        species=tuple(species.categories),
        X=table[list(FEATURES)].astype(np.float64).to_numpy(),
        labels=species.codes.astype(np.int64),
    )


class _RefusedError(Exception):
    """Problems found in a table whose source the finder does not know."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems


def _refuse(found: Iterator[Problem]) -> None:
    problems = [problem for problem, _ in zip(found, range(MAX_PROBLEMS), strict=False)]
    if problems:
        raise _RefusedError(problems)


def _decode(data: bytes) -> str:
    if b"\0" in data:
        raise _RefusedError([_problem_at(data, data.index(b"\0"), "a NUL byte; the table must be UTF-8 text")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        mend = "a byte that is not UTF-8; save the table as UTF-8"
        raise _RefusedError([_problem_at(data, error.start, mend)]) from error


def _problem_at(data: bytes, position: int, message: str) -> Problem:
    """What is wrong with a byte; its column can only be told by number, for nothing is read yet."""
    rows_before = data.count(b"\n", 0, position)
    row = data[data.rfind(b"\n", 0, position) + 1 : position]
    return Problem(message, rows_before + 1, str(_QUOTED.sub(b"", row).count(b",") + 1))


def _read_cells(text: str) -> pd.DataFrame:
    """Every cell as text, columns by their canonical names, the index being the row in the file."""
    header = next(_records(text), [])
    _refuse(_header_problems(header))
    blank = list(_blank_rows(text, header))
    try:
        table = pd.read_csv(
            io.StringIO(text),
            header=None,
            names=[_CANONICAL[column] for column in header],
            index_col=False,  # else pandas could take the first cells for an index
            dtype=str,
            na_filter=False,
            skip_blank_lines=False,
        )
    except pd.errors.ParserError as error:
        raise _unparsable(error) from error
    table.index += 1
    return table.drop(index=[1, *blank])


def _blank_rows(text: str, header: list[str]) -> Iterator[int]:
    """The rows in which nothing stands; refuses a table that has rows of more or fewer cells than its header."""
    ragged: list[Problem] = []
    for row, cells in enumerate(_records(text), start=1):
        if not cells or (not any(cells) and len(cells) == len(header)):
            yield row
        elif len(cells) != len(header) and len(ragged) < MAX_PROBLEMS:
            ragged.append(_ragged(row, len(cells), header))
    _refuse(iter(ragged))


def _ragged(row: int, cells: int, header: list[str]) -> Problem:
    if cells > len(header):
        return Problem("more cells than the header has", row, str(len(header) + 1))
    return Problem("fewer cells than the header has", row, _SPELLING[_CANONICAL[header[cells]]])


def _records(text: str) -> Iterator[list[str]]:
    """The cells of each row; pandas fills up rows that are too short, so that only this tells."""
    reader, row = csv.reader(io.StringIO(text), strict=True), 1
    try:
        for cells in reader:
            yield cells
            row += 1
    except csv.Error as error:
        wrong = "a quote that is never closed" if "end of data" in str(error) else "the row is not CSV"
        raise _RefusedError([Problem(wrong, row)]) from error


def _unparsable(error: pd.errors.ParserError) -> Exception:
    if "out of memory" in str(error):
        return MemoryError()
    return _RefusedError([Problem("the table is not CSV")])


def _header_problems(header: list[str]) -> Iterator[Problem]:
    canonical = [_CANONICAL.get(column) for column in header]
    known = ", ".join(_SPELLING.values())
    for position, name in enumerate(canonical, start=1):
        if name is None:
            yield Problem(f"the header is unknown; the columns are {known}", 1, str(position))
        elif name in canonical[: position - 1]:
            yield Problem("the header stands there twice", 1, _SPELLING[name])
    for name in ("species", *FEATURES):
        if name not in canonical:
            yield Problem(f"the column is missing; the columns are {known}", 1, _SPELLING[name])


def _checked(table: pd.DataFrame) -> list[str]:
    return [column for column in ("species", *FEATURES, "id") if column in table]


def _problems(column: str, cells: "pd.Series[str]") -> Iterator[Problem]:
    wrong, mend = _wrong(column, cells)
    for row in cells.index[wrong]:
        yield Problem("the cell is empty" if cells[row] == "" else mend, int(row), _SPELLING[column])


def _wrong(column: str, cells: "pd.Series[str]") -> "tuple[pd.Series[bool], str]":
    """Which cells are not what the column holds, and what that is."""
    if column not in FEATURES:
        mend = f"not {'a species' if column == 'species' else 'an id'}: 1 to 64 letters, digits, spaces, dots, dashes"
        return ~cells.str.fullmatch(_WORDS), f"{mend} or underscores"
    numbers = pd.to_numeric(cells.where(cells.str.fullmatch(_NUMBER), "nan"), errors="coerce")
    mend = f"not a number of centimetres from {_MIN_CENTIMETRES:g} to {MAX_CENTIMETRES:g}"
    return ~((numbers >= _MIN_CENTIMETRES) & (numbers <= MAX_CENTIMETRES)), mend


def _species_problems(cells: "pd.Series[str]") -> Iterator[Problem]:
    counts, first = cells.value_counts(), cells.drop_duplicates()
    if len(counts) < 2:
        yield Problem(f"{len(counts)} species; two at least are needed to tell apart", column=SPECIES_COLUMN)
    if len(counts) > MAX_SPECIES:
        yield Problem(f"{len(counts)} species; at most {MAX_SPECIES} are told apart", column=SPECIES_COLUMN)
    for species, count in counts.items():
        if count < MIN_ROWS_PER_SPECIES:
            yield Problem(
                f"{species} has {count} rows; every species needs at least {MIN_ROWS_PER_SPECIES}",
                int(first.index[first == species][0]),
                SPECIES_COLUMN,
            )
