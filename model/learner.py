"""A network while it learns: its parameters where the loops can change them, and which form of the loops does."""

from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model import kernel, matrices
from model.dataset import Dataset, Split
from model.hyperparameters import ClassWeight, Hyperparameters, Optimizer
from model.network import Array, Network
from model.state import Layers, Part, Recipe, State

# Measured by tests/bench/forms.py: from here on matrices are faster than loops.
_MATRICES_FROM: Final = 65_536  # rows of a batch times neurons of the widest layer
# Rows of an array that lie powers of two apart would fight for the same places of the cache.
_PADDING: Final = 8
_KINDS: Final = {"sigmoid": kernel.SIGMOID, "tanh": kernel.TANH, "relu": kernel.RELU, "softmax": kernel.SOFTMAX}


class Learner:
    """Takes a network as it begins, and trains it on a split; what it was given stays as it was."""

    def __init__(self, network: Network, split: Split, hyperparameters: Hyperparameters) -> None:
        self._recipe = _recipe(network, split.training, hyperparameters)
        self._state = State(*(_layers(network.layer_sizes) for _ in State._fields))
        self._learning = _view(network, self._state.parameters)
        for live, begun in zip(_arrays(self._learning), _arrays(network), strict=True):
            live[...] = begun
        self._parts = [_part(network, part) for part in (split.training, split.validation)]
        rows_at_once = min(hyperparameters.batch_size, len(split.training))
        self._by_matrices = rows_at_once * max(network.layer_sizes) >= _MATRICES_FROM
        self.work = len(split.training) * sum(W.size for W in network.weights)
        """Of one epoch: rows times weights."""

    def train_epochs(self, rates: Array, epochs_before: int) -> Array:
        """One epoch for each learning rate: float64 (epochs, 4), see `kernel.train_epochs`."""
        training, validation = self._parts
        steps = epochs_before * -(-len(training[1]) // self._recipe.batch_size)
        if self._by_matrices:
            return matrices.train_epochs(self._learning, self._recipe, self._state, training, validation, rates, steps)
        return kernel.train_epochs(self._recipe, self._state, training, validation, rates, steps)

    def network(self) -> Network:
        """The network as it is now."""
        live = self._learning
        return replace(live, weights=tuple(W.copy() for W in live.weights), biases=tuple(b.copy() for b in live.biases))


def _part(network: Network, part: Dataset) -> Part:
    """Arrays of the one kind that the loops are compiled for: in C order, and writable."""
    return np.array(network.standardize(part.X), order="C"), np.array(part.labels)


def _recipe(network: Network, training: Dataset, hyperparameters: Hyperparameters) -> Recipe:
    return Recipe(
        sizes=np.array(network.layer_sizes),
        activation=_KINDS[network.activation],
        output=_KINDS[network.output],
        adam=hyperparameters.optimizer is Optimizer.ADAM,
        momentum=hyperparameters.momentum,
        l2=hyperparameters.l2,
        batch_size=hyperparameters.batch_size,
        class_weights=_class_weights(training, hyperparameters.class_weight),
    )


def _class_weights(training: Dataset, class_weight: ClassWeight | None) -> Array:
    """How much a row of each species counts, 1 on average over the rows."""
    if class_weight is None:
        return np.ones(len(training.species))
    rows: NDArray[np.int64] = np.bincount(training.labels, minlength=len(training.species))
    return len(training) / (len(rows) * rows)


def _layers(layer_sizes: tuple[int, ...]) -> Layers:
    depth, widest = len(layer_sizes) - 1, max(layer_sizes)
    return Layers(np.zeros((depth, widest, widest + _PADDING)), np.zeros((depth, widest)))


def _view(network: Network, parameters: Layers) -> Network:
    """A network like that one, whose arrays are the used parts of the parameters."""
    shapes = list(enumerate(pairwise(network.layer_sizes)))
    return replace(
        network,
        weights=tuple(parameters.weights[layer, :d_out, :d_in] for layer, (d_in, d_out) in shapes),
        biases=tuple(parameters.biases[layer, :d_out] for layer, (_, d_out) in shapes),
    )


def _arrays(network: Network) -> tuple[Array, ...]:
    return *network.weights, *network.biases
