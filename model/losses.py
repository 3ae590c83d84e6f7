"""What a network is punished for: the loss of each kind of output, beside its derivative.

An output layer and its loss belong together. Sigmoid outputs go with the squared error, as in the
tutorial; softmax outputs go with the cross-entropy, because then the derivative by the weighted
sums becomes as simple as can be. Source: Bishop, "Pattern Recognition and Machine Learning"
(2006), sections 5.2 and 5.3.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from model.network import Array, sigmoid_slope

_SMALLEST: Final = 1e-300  # the logarithm of 0 is infinite


def squared_error(outputs: Array, targets: Array) -> Array:
    """Half the squared error, summed over the outputs: (n,) for outputs and targets (n, k)."""
    losses: Array = 0.5 * np.sum((outputs - targets) ** 2, axis=-1)
    return losses


def squared_error_delta(outputs: Array, targets: Array) -> Array:
    """The derivative of `squared_error` by the weighted sums of sigmoid outputs: (n, k)."""
    return (outputs - targets) * sigmoid_slope(outputs)


def cross_entropy(outputs: Array, targets: Array) -> Array:
    """Minus the logarithm of the target's output: (n,) for outputs and one-hot targets (n, k)."""
    losses: Array = -np.log(np.maximum(np.sum(outputs * targets, axis=-1), _SMALLEST))
    return losses


def cross_entropy_delta(outputs: Array, targets: Array) -> Array:
    """The derivative of `cross_entropy` by the weighted sums of softmax outputs: (n, k)."""
    return outputs - targets


class Loss(NamedTuple):
    """A loss by rows, and its derivative by the weighted sums of the outputs that it goes with."""

    loss: Callable[[Array, Array], Array]
    delta: Callable[[Array, Array], Array]


LOSSES: Final = {
    "sigmoid": Loss(squared_error, squared_error_delta),
    "softmax": Loss(cross_entropy, cross_entropy_delta),
}
