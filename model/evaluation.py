"""How good a network is on some rows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from model.kernel import squared_error
from model.network import Array, Network

if TYPE_CHECKING:  # not at run time: it would bring pandas to whoever reads an artifact
    from model.dataset import Dataset


@dataclass(frozen=True)
class SpeciesScore:
    """How well one species is told from the others; a ratio of nothing to nothing is 0."""

    precision: float
    recall: float
    f1: float
    rows: int


@dataclass(frozen=True)
class Evaluation:
    """Scores of a network on some rows.

    `confusion[i][j]` counts rows of species i that were taken for species j; `loss` is half the
    squared error summed over outputs, averaged over rows.
    """

    rows: int
    accuracy: float
    loss: float
    confusion: tuple[tuple[int, ...], ...]
    species: dict[str, SpeciesScore]


@dataclass(frozen=True)
class EpochScore:
    """How good the network is after so many epochs, counted from 1."""

    epoch: int
    training_loss: float
    training_accuracy: float
    validation_loss: float
    validation_accuracy: float


def accuracy(outputs: Array, labels: NDArray[np.int64]) -> float:
    """Share of rows whose largest output (n, k) is that of their label (n,)."""
    return float(np.mean(np.argmax(outputs, axis=1) == labels))


def loss(outputs: Array, targets: Array) -> float:
    """Mean over rows of the squared error of outputs (n, k) against targets (n, k)."""
    return float(np.mean(squared_error(outputs, targets)))


def confusion_matrix(labels: NDArray[np.int64], predicted: NDArray[np.int64], species_count: int) -> NDArray[np.int64]:
    """Rows by true label (first axis) and predicted label (second axis): int64 (k, k)."""
    pairs = labels * species_count + predicted
    return np.bincount(pairs, minlength=species_count**2).reshape(species_count, species_count)


def evaluate(network: Network, dataset: "Dataset") -> Evaluation:
    """Evaluation of a network on the rows of a dataset."""
    outputs = network.scores(dataset.X)
    confusion = confusion_matrix(dataset.labels, np.argmax(outputs, axis=1), len(dataset.species))
    return Evaluation(
        rows=len(dataset),
        accuracy=accuracy(outputs, dataset.labels),
        loss=loss(outputs, dataset.targets),
        confusion=tuple(map(tuple, confusion.tolist())),
        species={name: _species_score(confusion, i) for i, name in enumerate(dataset.species)},
    )


def _species_score(confusion: NDArray[np.int64], i: int) -> SpeciesScore:
    right, taken_for, rows = confusion[i, i], confusion[:, i].sum(), confusion[i].sum()
    return SpeciesScore(
        precision=_ratio(right, taken_for),
        recall=_ratio(right, rows),
        f1=_ratio(2 * right, taken_for + rows),  # the harmonic mean of the two above
        rows=int(rows),
    )


def _ratio(part: np.int64, whole: np.int64) -> float:
    return float(part / whole) if whole else 0.0
