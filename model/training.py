"""Fitting a network to the training rows of a split."""

from collections.abc import Callable, Iterator
from math import inf, isfinite
from typing import Final, NamedTuple

import numpy as np

from model.dataset import Dataset, Split
from model.errors import TrainingError
from model.evaluation import EpochScore
from model.hyperparameters import Hyperparameters
from model.learner import Learner
from model.network import Array, Network, initial_layers

_CONSTANT_CENTIMETRES: Final = 1e-9  # rounding makes a deviation of 1e-14 of most constants
_WORK_AT_ONCE: Final = 2_000_000  # rows times weights between two reports: some milliseconds

# Called with the scores of every epoch, in order; with None for an epoch of which none are kept.
Report = Callable[[EpochScore | None], None]


def unheard(score: EpochScore | None, /) -> None:
    """Where nobody wants to hear of the epochs."""


class Fit(NamedTuple):
    """A fitted network, the epoch whose weights it has, and the scores of all epochs of all starts."""

    network: Network
    kept: EpochScore
    history: list[EpochScore]


def fit(split: Split, hyperparameters: Hyperparameters, report: Report = unheard, warm: Network | None = None) -> Fit:
    """Learn the training rows by gradient descent.

    Parameters
    ----------
    split : Split
        Weights are learned from the training rows. The validation rows are only scored: they tell
        when to stop and which start to keep.
    hyperparameters : Hyperparameters
    report : callable
        Called with the scores of every epoch, in order; one call after the other for epochs that
        are too short to wait for each.
    warm : Network, optional
        Whose weights to go on from, instead of drawing some.

    Raises
    ------
    TrainingError
        If the loss is no longer a finite number, because the steps are too long.

    Notes
    -----
    The same arguments give the same network to the last bit on the same machine.
    """
    rng = np.random.default_rng(hyperparameters.seed)
    history: list[EpochScore] = []

    def hear(score: EpochScore) -> None:
        history.append(score)
        report(score)

    starts = (
        _learn(
            Learner(warm or _unfitted(split.training, hyperparameters, rng), split, hyperparameters),
            hyperparameters,
            start,
            hear,
        )
        for start in range(1, hyperparameters.restarts + 1)
    )
    network, kept = min(starts, key=lambda start: start[1].validation_loss)
    return Fit(network, kept, history)


def _learn(
    learner: Learner, hyperparameters: Hyperparameters, start: int, hear: Callable[[EpochScore], None]
) -> tuple[Network, EpochScore]:
    """The network of one start at its best, and the epoch that it comes from: the last if there is no patience."""
    network, kept = learner.network(), EpochScore(0, inf, 0.0, inf, 0.0, start)
    for epochs in _blocks(hyperparameters, learner.work):
        rates = np.array([hyperparameters.learning_rate_of(epoch) for epoch in epochs])
        for epoch, scores in zip(epochs, learner.train_epochs(rates, epochs[0] - 1).tolist(), strict=True):
            score = EpochScore(epoch, scores[0], scores[1], scores[2], scores[3], start)
            _refuse_divergence(score)
            hear(score)
        if hyperparameters.patience is None or score.validation_loss < kept.validation_loss:
            network, kept = learner.network(), score
        elif score.epoch - kept.epoch >= hyperparameters.patience:
            break
    return network, kept


def _blocks(hyperparameters: Hyperparameters, work: int) -> Iterator[range]:
    """The epochs, from 1; several at once where they are short, one by one where each may be the last."""
    size = max(1, _WORK_AT_ONCE // work) if hyperparameters.patience is None else 1
    for first in range(1, hyperparameters.epochs + 1, size):
        yield range(first, min(first + size, hyperparameters.epochs + 1))


def _refuse_divergence(score: EpochScore) -> None:
    if not (isfinite(score.training_loss) and isfinite(score.validation_loss)):
        reason = f"the loss is no longer a finite number in epoch {score.epoch}: a smaller learning_rate may help"
        raise TrainingError(reason)


def _unfitted(training: Dataset, hyperparameters: Hyperparameters, rng: np.random.Generator) -> Network:
    inputs = training.X.shape[1]
    mean, scale = _standardization(training.X) if hyperparameters.standardize else (np.zeros(inputs), np.ones(inputs))
    layer_sizes = (inputs, *hyperparameters.hidden_layers, len(training.species))
    weights, biases = initial_layers(layer_sizes, hyperparameters.initial_weights, rng)
    return Network(mean, scale, weights, biases, hyperparameters.activation, hyperparameters.output)


def _standardization(X: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each column of X (n, d); the deviation of a constant counts as 1."""
    deviation = X.std(axis=0)
    return X.mean(axis=0), np.where(deviation > _CONSTANT_CENTIMETRES, deviation, 1.0)
