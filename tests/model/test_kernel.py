"""The gradient is exact: against complex steps, central differences and arithmetic done by hand."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import log
from typing import cast

import numpy as np
import pytest

from model.kernel import backpropagate, squared_error, squared_error_slope, train_epoch
from model.network import Array, initialise, propagate, sigmoid_slope

Loss = Callable[[Sequence[Array], Sequence[Array]], complex]

SHAPES = [(4, 3), (4, 5, 10, 3), (4, 8, 7, 6, 2)]


def problem(layer_sizes: tuple[int, ...]) -> tuple[list[Array], list[Array], Array, Array]:
    """Random weights, biases and input, and a one-hot target."""
    rng = np.random.default_rng(sum(layer_sizes))
    net = initialise(layer_sizes, np.zeros(4), np.ones(4), rng)
    target = np.eye(layer_sizes[-1])[rng.integers(layer_sizes[-1])]
    return list(net.weights), list(net.biases), rng.normal(size=layer_sizes[0]), target


def loss_at(x: Array, target: Array) -> Loss:
    def loss(weights: Sequence[Array], biases: Sequence[Array]) -> complex:
        return complex(squared_error(propagate(weights, biases, x)[-1], target))

    return loss


def shifted(arrays: list[Array], layer: int, place: tuple[int, ...], step: complex) -> list[Array]:
    """A copy of the arrays with one number changed; as complex numbers if the step is one."""
    copies = [np.array(array, dtype=type(step)) for array in arrays]
    copies[layer][place] += step
    return cast("list[Array]", copies)


def places(arrays: list[Array]) -> Iterator[tuple[int, tuple[int, ...]]]:
    return ((layer, place) for layer, array in enumerate(arrays) for place in np.ndindex(array.shape))


def derivatives(
    layer_sizes: tuple[int, ...], slope: Callable[[Callable[[complex], complex]], float]
) -> Iterator[tuple[float, float]]:
    """For every weight and bias: the slope of the loss as a function of it, and backpropagation's gradient."""
    weights, biases, x, target = problem(layer_sizes)
    weight_gradients, bias_gradients = backpropagate(weights, biases, x, target)
    loss = loss_at(x, target)
    for i, at in places(weights):
        yield slope(lambda h: loss(shifted(weights, i, at, h), biases)), weight_gradients[i][at]  # noqa: B023
    for i, at in places(biases):
        yield slope(lambda h: loss(weights, shifted(biases, i, at, h))), bias_gradients[i][at]  # noqa: B023


@pytest.mark.parametrize("layer_sizes", SHAPES)
def test_every_derivative_is_that_of_a_complex_step(layer_sizes: tuple[int, ...]) -> None:
    # f(w + ih) = f(w) + ih f'(w) + O(h^2): nothing is subtracted, so h may be tiny and the error is none.
    pairs = list(derivatives(layer_sizes, lambda f: f(1e-20j).imag / 1e-20))
    assert sum(i * o + o for i, o in pairwise(layer_sizes)) == len(pairs)
    expected, found = np.transpose(pairs)
    assert np.abs(expected).min() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("layer_sizes", SHAPES)
def test_every_derivative_is_that_of_central_differences(layer_sizes: tuple[int, ...]) -> None:
    h = 1e-5
    expected, found = np.transpose(list(derivatives(layer_sizes, lambda f: (f(h) - f(-h)).real / (2 * h))))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-10)


# An example worked by hand. Two inputs, two hidden neurons, one output; weights are chosen so that
# every activation is a round number, for sigmoid(ln 3) = 1 / (1 + 1/3) = 3/4 and sigmoid(0) = 1/2.
#
#   x = (1, 2), target 1
#   hidden sums      1 ln3 + 2 0 + 0      = ln 3       2 1 - 1 2 + 0 = 0
#   hidden           h = (3/4, 1/2)
#   output sum       4 3/4 - 2 1/2 - 2    = 0
#   output           1/2
#   loss             (1/2 - 1)^2 / 2      = 1/8
#
#   output delta     (1/2 - 1) 1/2 (1 - 1/2)     = -1/8
#   hidden deltas    4 (-1/8) 3/4 (1 - 3/4)      = -3/32
#                    -2 (-1/8) 1/2 (1 - 1/2)     =  1/16
#   gradients        of W2   -1/8 h              = (-3/32, -1/16)         of b2  -1/8
#                    of W1   -3/32 x             = (-3/32, -3/16)         of b1  -3/32
#                             1/16 x             = ( 1/16,  1/8)                  1/16
#
#   one step at rate 2
#                    W2      (4 + 3/16, -2 + 1/8)                         b2     -2 + 1/4
#                    W1      (ln 3 + 3/16, 0 + 3/8)                       b1     3/16
#                      and   (2 - 1/8, -1 - 1/4)                           and   -1/8
HAND_X, HAND_TARGET = np.array([1.0, 2.0]), np.array([1.0])


def hand_weights() -> tuple[list[Array], list[Array]]:
    weights = [np.array([[log(3), 0.0], [2.0, -1.0]]), np.array([[4.0, -2.0]])]
    return weights, [np.array([0.0, 0.0]), np.array([-2.0])]


def close(expected: list[list[float]] | list[float], found: Array) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15)


def test_the_example_worked_by_hand_goes_forward_as_by_hand() -> None:
    _, hidden, output = propagate(*hand_weights(), HAND_X)
    close([3 / 4, 1 / 2], hidden)
    close([1 / 2], output)
    close([1 / 8], squared_error(output[None], HAND_TARGET[None]))


def test_the_example_worked_by_hand_has_the_gradients_found_by_hand() -> None:
    (dW1, dW2), (db1, db2) = backpropagate(*hand_weights(), HAND_X, HAND_TARGET)
    close([[-3 / 32, -1 / 16]], dW2)
    close([-1 / 8], db2)
    close([[-3 / 32, -3 / 16], [1 / 16, 1 / 8]], dW1)
    close([-3 / 32, 1 / 16], db1)


def test_the_example_worked_by_hand_has_the_weights_found_by_hand_after_one_step() -> None:
    (W1, W2), (b1, b2) = weights, biases = hand_weights()
    train_epoch(weights, biases, HAND_X[None], HAND_TARGET[None], learning_rate=2.0)
    close([[4 + 3 / 16, -2 + 1 / 8]], W2)
    close([-2 + 1 / 4], b2)
    close([[log(3) + 3 / 16, 3 / 8], [2 - 1 / 8, -1 - 1 / 4]], W1)
    close([3 / 16, -1 / 8], b1)


def naive_epoch(weights: list[Array], biases: list[Array], X: Array, targets: Array, learning_rate: float) -> None:
    """As the tutorial does it: the error passes through weights that have just been changed."""
    for x, target in zip(X, targets, strict=True):
        activations = propagate(weights, biases, x)
        error = squared_error_slope(activations[-1], target)
        for i in reversed(range(len(weights))):
            delta = error * sigmoid_slope(activations[i + 1])
            weights[i] -= learning_rate * np.outer(delta, activations[i])
            biases[i] -= learning_rate * delta
            error = weights[i].T @ delta


def test_passing_the_error_through_changed_weights_would_give_another_step() -> None:
    # By hand: the first hidden delta would be (4 + 3/16) (-1/8) 3/16 instead of 4 (-1/8) 3/16.
    naive, ours = hand_weights(), hand_weights()
    naive_epoch(*naive, HAND_X[None], HAND_TARGET[None], learning_rate=2.0)
    train_epoch(*ours, HAND_X[None], HAND_TARGET[None], learning_rate=2.0)
    close(ours[0][1].tolist(), naive[0][1])  # the last layer knows no difference
    close([log(3) + 2 * (4 + 3 / 16) * 3 / 128, 2 * 2 * (4 + 3 / 16) * 3 / 128], naive[0][0][0])
    assert np.all(np.abs(naive[0][0] - ours[0][0]) > 1e-3)


def test_an_epoch_is_one_exact_step_for_each_row_in_order() -> None:
    weights, biases, _, _ = problem((4, 5, 3))
    rng = np.random.default_rng(0)
    X, targets = rng.normal(size=(20, 4)), np.eye(3)[rng.integers(3, size=20)]
    expected_weights, expected_biases = list(weights), list(biases)
    for x, target in zip(X, targets, strict=True):
        dW, db = backpropagate(expected_weights, expected_biases, x, target)
        expected_weights = [W - 0.3 * d for W, d in zip(expected_weights, dW, strict=True)]
        expected_biases = [b - 0.3 * d for b, d in zip(expected_biases, db, strict=True)]
    backwards = [W.copy() for W in weights], [b.copy() for b in biases]
    train_epoch(*backwards, X[::-1], targets[::-1], 0.3)

    train_epoch(weights, biases, X, targets, 0.3)

    for expected, found in zip(expected_weights + expected_biases, weights + biases, strict=True):
        np.testing.assert_array_equal(expected, found)
    assert not np.allclose(backwards[0][0], weights[0])


def test_backpropagation_changes_nothing() -> None:
    weights, biases, x, target = problem((4, 5, 3))
    before = [array.copy() for array in (*weights, *biases, x, target)]
    backpropagate(weights, biases, x, target)
    for expected, found in zip(before, (*weights, *biases, x, target), strict=True):
        np.testing.assert_array_equal(expected, found)


def test_the_loss_is_half_the_squared_error_summed_over_outputs() -> None:
    outputs, targets = np.array([[0.5, 0.0, 1.0], [0.1, 0.2, 0.3]]), np.array([[1.0, 0, 0], [0, 0, 1]])
    close([(0.25 + 0 + 1) / 2, (0.01 + 0.04 + 0.49) / 2], squared_error(outputs, targets))
    close([[-0.5, 0.0, 1.0], [0.1, 0.2, -0.7]], squared_error_slope(outputs, targets))


def test_the_slope_of_the_loss_is_its_derivative_by_complex_step() -> None:
    outputs, targets = np.random.default_rng(0).uniform(size=(1, 3)), np.array([[0.0, 1, 0]])
    stepped = [squared_error(cast("Array", outputs + 1e-20j * unit), targets)[0] for unit in np.eye(3)]
    np.testing.assert_allclose(squared_error_slope(outputs, targets)[0], np.imag(stepped) / 1e-20, rtol=1e-14)
