"""Fitting a network to the training rows of a split."""

from collections.abc import Callable

import numpy as np

from model.dataset import Dataset, Split
from model.evaluation import EpochScore, accuracy, loss
from model.hyperparameters import Hyperparameters
from model.kernel import train_epoch
from model.network import Array, Network, initialise

_CONSTANT_CENTIMETRES = 1e-9  # rounding makes a deviation of 1e-14 of most constants

Report = Callable[[EpochScore], None]


def unheard(score: EpochScore, /) -> None:
    """Where nobody wants to hear of the epochs."""


def fit(split: Split, hyperparameters: Hyperparameters, report: Report = unheard) -> tuple[Network, list[EpochScore]]:
    """Learn the training rows by online gradient descent.

    Parameters
    ----------
    split : Split
        Weights are learned from the training rows; the validation rows are only scored.
    hyperparameters : Hyperparameters
    report : callable
        Called with the scores after each epoch.

    Returns
    -------
    network : Network
    history : list of EpochScore, one for each epoch

    Notes
    -----
    The same split and hyperparameters give the same network to the last bit.
    """
    training, validation = split.training, split.validation
    network = _unfitted(training, hyperparameters)
    X, targets = network.standardize(training.X), training.targets
    history = []
    for epoch in range(1, hyperparameters.epochs + 1):
        train_epoch(network.weights, network.biases, X, targets, hyperparameters.learning_rate)
        score = EpochScore(epoch, *_loss_and_accuracy(network, training), *_loss_and_accuracy(network, validation))
        history.append(score)
        report(score)
    return network, history


def _unfitted(training: Dataset, hyperparameters: Hyperparameters) -> Network:
    inputs = training.X.shape[1]
    mean, scale = _standardization(training.X) if hyperparameters.standardize else (np.zeros(inputs), np.ones(inputs))
    layer_sizes = (inputs, *hyperparameters.hidden_layers, len(training.species))
    return initialise(layer_sizes, mean, scale, np.random.default_rng(hyperparameters.seed))


def _standardization(X: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each column of X (n, d); the deviation of a constant counts as 1."""
    deviation = X.std(axis=0)
    return X.mean(axis=0), np.where(deviation > _CONSTANT_CENTIMETRES, deviation, 1.0)


def _loss_and_accuracy(network: Network, dataset: Dataset) -> tuple[float, float]:
    outputs = network.scores(dataset.X)
    return loss(outputs, dataset.targets), accuracy(outputs, dataset.labels)
