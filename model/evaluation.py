"""How good a network is on some rows: how often it is right, and how far its scores can be believed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from model.losses import LOSSES, cross_entropy
from model.network import Array, Network, probabilities

if TYPE_CHECKING:  # not at run time: it would bring pandas to whoever reads an artifact
    from model.dataset import Dataset

_CALIBRATION_BINS: Final = 10
_ROWS_AT_ONCE: Final = 65_536  # the activations of a million rows would take more memory than the table


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

    `loss` is the one that the network learns by, averaged over rows. `confusion[i][j]` counts rows
    of species i that were taken for species j. The others are of the scores as probabilities, each
    divided by the sum of them: `log_loss` is minus the logarithm of the true species' one, averaged
    over rows; `brier_score` the squared error summed over species, averaged over rows (Brier,
    1950); `calibration_error` how far, on average over rows, the largest of them is from the share
    of right answers among rows in the same tenth of it (Guo et al., 2017, eq. 3).
    """

    rows: int
    accuracy: float
    loss: float
    log_loss: float
    brier_score: float
    calibration_error: float
    confusion: tuple[tuple[int, ...], ...]
    species: dict[str, SpeciesScore]


@dataclass(frozen=True)
class CrossValidation:
    """How good a recipe is: its accuracy on folds of a table, by networks that have not seen them.

    `mean` is the share of right answers over all rows and repeats, `standard_deviation` that of the
    folds' accuracies, and `interval` the 95 % one of Wilson (1927) for as many rows as the table
    has: repeats make the mean steadier, but bring no new rows.
    """

    folds: int
    repeats: int
    mean: float
    standard_deviation: float
    interval: tuple[float, float]
    accuracies: tuple[float, ...]


@dataclass(frozen=True)
class Evaluations:
    """Scores of a network on each part of its split, and of its recipe if that was asked for."""

    training: Evaluation
    validation: Evaluation
    test: Evaluation
    cross_validation: CrossValidation | None = None


@dataclass(frozen=True)
class EpochScore:
    """How good the network is in an epoch, counted from 1, of a start, counted from 1.

    Those of training are means over the epoch, each row as the network met it; those of validation
    are of the network after the epoch.
    """

    epoch: int
    training_loss: float
    training_accuracy: float
    validation_loss: float
    validation_accuracy: float
    start: int = 1


def scores_of(network: Network, X: Array) -> Array:
    """The network's scores (n, k) for X (n, 4) in centimetres, some rows at a time."""
    parts = [network.scores(X[start : start + _ROWS_AT_ONCE]) for start in range(0, len(X), _ROWS_AT_ONCE)]
    return np.concatenate(parts)


def accuracy(outputs: Array, labels: NDArray[np.int64]) -> float:
    """Share of rows whose largest output (n, k) is that of their label (n,)."""
    return float(np.mean(np.argmax(outputs, axis=1) == labels))


def calibration_error(shares: Array, labels: NDArray[np.int64]) -> float:
    """Expected calibration error of probabilities (n, k) for labels (n,), over ten bins of the same width."""
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == labels
    bins = np.minimum((confidence * _CALIBRATION_BINS).astype(np.int64), _CALIBRATION_BINS - 1)
    surplus = np.bincount(bins, weights=confidence - right)  # in a bin: rows times (mean confidence - accuracy)
    return float(np.abs(surplus).sum() / len(labels))


def confusion_matrix(labels: NDArray[np.int64], predicted: NDArray[np.int64], species_count: int) -> NDArray[np.int64]:
    """Rows by true label (first axis) and predicted label (second axis): int64 (k, k)."""
    pairs = labels * species_count + predicted
    return np.bincount(pairs, minlength=species_count**2).reshape(species_count, species_count)


def evaluate(network: Network, dataset: "Dataset") -> Evaluation:
    """Evaluation of a network on the rows of a dataset."""
    outputs, targets, labels = scores_of(network, dataset.X), dataset.targets, dataset.labels
    shares = probabilities(outputs)
    confusion = confusion_matrix(labels, np.argmax(outputs, axis=1), len(dataset.species))
    return Evaluation(
        rows=len(dataset),
        accuracy=accuracy(outputs, labels),
        loss=float(np.mean(LOSSES[network.output].loss(outputs, targets))),
        log_loss=float(np.mean(cross_entropy(shares, targets))),
        brier_score=float(np.mean(np.sum((shares - targets) ** 2, axis=1))),
        calibration_error=calibration_error(shares, labels),
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
