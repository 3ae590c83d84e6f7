"""Small things to learn, and the two forms of learning them, side by side."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from model import kernel, matrices
from model.dataset import Dataset, Split
from model.hyperparameters import Hyperparameters
from model.learner import Learner
from model.network import Array, Network, initial_layers
from tests.model.textbook import Objective

SPECIES = ("a", "b", "c")
Learn = Callable[[Learner, Sequence[float]], Array]


def rows(count: int, seed: int = 0) -> Dataset:
    """Random flowers, about half of the first species, a third of the second."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1, 2], rng.choice(3, size=count - 3, p=[0.5, 0.3, 0.2])])
    return Dataset("random", "0" * 64, SPECIES, rng.normal(size=(count, 4)), labels)


def split_of(count: int) -> Split:
    """Random flowers to learn from, and five others to watch."""
    return Split(rows(count), rows(5, seed=1), rows(5, seed=2))


def network(hyperparameters: Hyperparameters, seed: int = 0) -> Network:
    """A network of that recipe that has learned nothing, and reads the rows as they are."""
    sizes = (4, *hyperparameters.hidden_layers, len(SPECIES))
    weights, biases = initial_layers(sizes, hyperparameters.initial_weights, np.random.default_rng(seed))
    return Network(np.zeros(4), np.ones(4), weights, biases, hyperparameters.activation, hyperparameters.output)


def objective(hyperparameters: Hyperparameters, training: Dataset) -> Objective:
    """What that recipe makes small on those rows."""
    counts = np.bincount(training.labels)
    weights = len(training) / (len(counts) * counts) if hyperparameters.class_weight else np.ones(len(counts))
    return Objective(hyperparameters.activation, hyperparameters.output, hyperparameters.l2, tuple(weights.tolist()))


def parameters(net: Network) -> list[Array]:
    """Copies of [W1, b1, W2, b2, ...]."""
    return [array.copy() for pair in zip(net.weights, net.biases, strict=True) for array in pair]


def flat(net: Network) -> bytes:
    """All that the network consists of."""
    return b"".join(a.tobytes() for a in (net.mean, net.scale, *net.weights, *net.biases))


def by_loops(learner: Learner, rates: Sequence[float]) -> Array:
    """An epoch for each rate by the compiled loops, from the beginning: the scores."""
    training, validation = learner._parts
    return kernel.train_epochs(learner._recipe, learner._state, training, validation, np.array(rates), 0)


def by_matrices(learner: Learner, rates: Sequence[float]) -> Array:
    """An epoch for each rate by matrices, from the beginning: the scores."""
    training, validation = learner._parts
    live, recipe, state = learner._learning, learner._recipe, learner._state
    return matrices.train_epochs(live, recipe, state, training, validation, np.array(rates), 0)


FORMS: dict[str, Learn] = {"loops": by_loops, "matrices": by_matrices}


def close(expected: Sequence[Any], found: Sequence[Any], tolerance: float) -> None:
    """Every array is that one, to the tolerance relative to its largest number."""
    for e, f in zip(expected, found, strict=True):
        np.testing.assert_allclose(f, e, rtol=0, atol=tolerance * max(1e-3, float(np.abs(e).max())))
