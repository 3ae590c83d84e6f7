"""Learning, many rows at once: what `kernel.py` says in loops, said in matrices.

For wide layers and large batches this is faster, as the matrix product is the one thing that
processors do best. The step down the gradient is the same code in both.
"""

from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from model.kernel import step_down
from model.losses import LOSSES
from model.network import ACTIVATIONS, Array, Network
from model.state import Integers, Part, Recipe, State

_ROWS_AT_ONCE = 4096  # when scoring: the activations of a million rows would not fit


def train_epochs(  # noqa: PLR0913, PLR0917 - as those of the kernel
    network: Network, recipe: Recipe, state: State, training: Part, validation: Part, rates: Array, steps: int
) -> Array:
    """As many epochs as there are learning rates, as `kernel.train_epochs` has them: float64 (epochs, 4).

    The network's weights and biases are views of the state's parameters, and change with them.
    """
    scores = []
    # On one thread: sums over rows must not depend on how many processors there are. What
    # overflows shows in the loss.
    with threadpool_limits(1, "blas"), np.errstate(over="ignore", invalid="ignore"):
        for rate in rates.tolist():
            passed = _train_epoch(network, recipe, state, training, rate, steps)
            scores.append([*passed, *_score(network, validation)])
            steps += -(-len(training[1]) // recipe.batch_size)
    return np.array(scores)


def _train_epoch(
    network: Network, recipe: Recipe, state: State, part: Part, learning_rate: float, steps: int
) -> tuple[float, float]:
    X, labels = part
    loss, right = 0.0, 0
    for start in range(0, len(X), recipe.batch_size):
        rows = slice(start, start + recipe.batch_size)
        activations = network.propagate(X[rows])
        targets, counted = one_hot(labels[rows], len(recipe.class_weights)), recipe.class_weights[labels[rows]]
        loss += float(LOSSES[network.output].loss(activations[-1], targets).sum())
        right += int(np.count_nonzero(activations[-1].argmax(axis=1) == labels[rows]))
        delta = LOSSES[network.output].delta(activations[-1], targets) * (counted / len(counted))[:, None]
        for layer, (dW, db) in enumerate(backpropagate(network, activations, delta)):
            d_out, d_in = dW.shape
            state.gradient.weights[layer, :d_out, :d_in] = dW
            state.gradient.biases[layer, :d_out] = db
        steps += 1
        step_down(recipe, state, learning_rate, steps)
    return loss / len(X), right / len(X)


def backpropagate(network: Network, activations: Sequence[Array], delta: Array) -> list[tuple[Array, Array]]:
    """The gradient by every weight and bias, layer by layer from the first.

    Parameters
    ----------
    network : Network
    activations : sequence of float64 arrays, shapes (n, d)
        Of a forward pass.
    delta : float64 array, shape (n, k)
        Derivatives of the loss of all n rows by the weighted sums of the outputs.

    Returns
    -------
    list of pairs of float64 arrays, shapes (d_out, d_in) and (d_out,)
    """
    _, slope = ACTIVATIONS[network.activation]
    gradient = []
    for layer in reversed(range(len(network.weights))):
        gradient.append((delta.T @ activations[layer], delta.sum(axis=0)))  # BP4, BP3
        if layer:
            delta = (delta @ network.weights[layer]) * slope(activations[layer])  # BP2, (n, d_in)
    return gradient[::-1]


def _score(network: Network, part: Part) -> tuple[float, float]:
    """Mean loss and accuracy over the rows of a part."""
    X, labels = part
    loss, right = 0.0, 0
    for start in range(0, len(X), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        outputs = network.propagate(X[rows])[-1]
        loss += float(LOSSES[network.output].loss(outputs, one_hot(labels[rows], outputs.shape[1])).sum())
        right += int(np.count_nonzero(outputs.argmax(axis=1) == labels[rows]))
    return loss / len(X), right / len(X)


def one_hot(labels: Integers, species_count: int) -> Array:
    """A single 1 in each row: float64 (n, species_count) for labels (n,)."""
    return np.eye(species_count)[labels]
