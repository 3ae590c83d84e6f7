"""What a table holds, in short, what came of checking it, and its rows; light, for the service reads it too."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.errors import Problem
from model.features import FEATURES

if TYPE_CHECKING:  # not at run time: it would bring pandas to the service
    from model.dataset import Dataset


@dataclass(frozen=True)
class DatasetSummary:
    """A table in short: rows by species, and the smallest and largest value of each feature in centimetres."""

    name: str
    rows: int
    species: dict[str, int]
    ranges: dict[str, tuple[float, float]]
    sha256: str
    built_in: bool = False


@dataclass(frozen=True)
class Inspection:
    """What came of checking a table: its summary, or what is wrong with it."""

    summary: DatasetSummary | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Specimen:
    """A row of the table that a network has learned from, and what the network makes of it.

    `part` is training, validation or test, or held back: out of the training rows, because it is
    among the rows of the built-in table that models are examined on.
    """

    features: tuple[float, float, float, float]
    species: str
    part: str
    predicted: str
    confidence: float


@dataclass(frozen=True)
class Specimens:
    """Rows of the table of a model, and how many it has: of a long one some are drawn at random."""

    rows: int
    specimens: tuple[Specimen, ...]


def summarize(dataset: "Dataset") -> DatasetSummary:
    """The dataset in short."""
    counts = np.bincount(dataset.labels, minlength=len(dataset.species))
    extremes = zip(dataset.X.min(axis=0).tolist(), dataset.X.max(axis=0).tolist(), strict=True)
    return DatasetSummary(
        name=dataset.name,
        rows=len(dataset),
        species=dict(zip(dataset.species, counts.tolist(), strict=True)),
        ranges=dict(zip(FEATURES, extremes, strict=True)),
        sha256=dataset.sha256,
    )
