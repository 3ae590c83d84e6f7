"""Learning: backpropagation of one flower's error, and one step down its gradient for each flower.

Source of the equations: Rumelhart, Hinton and Williams, "Learning representations by
back-propagating errors", Nature 323 (1986); numbered BP1 to BP4 as in Nielsen, "Neural Networks
and Deep Learning" (2015), chapter 2.
"""

from collections.abc import Sequence

import numpy as np

from model.network import Array, propagate, sigmoid_slope


def squared_error(outputs: Array, targets: Array) -> Array:
    """Half the squared error, summed over the outputs: (n,) for outputs and targets (n, k)."""
    losses: Array = 0.5 * np.sum((outputs - targets) ** 2, axis=-1)
    return losses


def squared_error_slope(outputs: Array, targets: Array) -> Array:
    """The derivative of `squared_error` by each output: (n, k)."""
    return outputs - targets


def backpropagate(
    weights: Sequence[Array], biases: Sequence[Array], x: Array, target: Array
) -> tuple[list[Array], list[Array]]:
    """The exact gradient of one flower's loss by every weight and bias.

    Parameters
    ----------
    weights, biases : sequences of float64 arrays, shapes (d_out, d_in) and (d_out,)
    x : float64 array, shape (d_in,)
        Standardised measurements.
    target : float64 array, shape (k,)
        One-hot species.

    Returns
    -------
    weight_gradients, bias_gradients : lists of float64 arrays, in the shapes of weights and biases

    Notes
    -----
    `delta` is the derivative of the loss by a layer's weighted sums. All of them are computed with
    the weights of the forward pass: changing a layer's weights before the error has passed
    through them, as is often seen, follows no gradient.
    """
    activations = propagate(weights, biases, x)
    output = activations[-1]
    delta = squared_error_slope(output, target) * sigmoid_slope(output)  # BP1, (k,)
    deltas = [delta]
    for W, activation in zip(weights[:0:-1], activations[-2:0:-1], strict=True):
        delta = (W.T @ delta) * sigmoid_slope(activation)  # BP2, (d_in,)
        deltas.append(delta)
    deltas.reverse()
    weight_gradients = [np.outer(d, a) for d, a in zip(deltas, activations[:-1], strict=True)]  # BP4
    return weight_gradients, deltas  # BP3: a bias's gradient is its neuron's delta


def train_epoch(
    weights: Sequence[Array], biases: Sequence[Array], X: Array, targets: Array, learning_rate: float
) -> None:
    """One pass of online gradient descent over the rows of X (n, d_in) and targets (n, k), in order.

    Changes weights and biases in place, once for each row.
    """
    for x, target in zip(X, targets, strict=True):
        weight_gradients, bias_gradients = backpropagate(weights, biases, x, target)
        for W, b, dW, db in zip(weights, biases, weight_gradients, bias_gradients, strict=True):
            W -= learning_rate * dW  # noqa: PLW2901 - in place
            b -= learning_rate * db  # noqa: PLW2901
