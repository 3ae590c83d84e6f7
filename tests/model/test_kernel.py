"""The loops against arithmetic done by hand, and against what is easily done wrong."""

from collections.abc import Sequence
from itertools import pairwise
from math import log

import numpy as np
import pytest

from model import kernel, matrices
from model.kernel import RELU, SIGMOID, SOFTMAX, TANH, backpropagate, train_epoch
from model.losses import LOSSES
from model.network import Array, Network
from model.state import Layers, Recipe, State
from tests.model.textbook import Objective

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
X, LABELS = np.array([[1.0, 2.0]]), np.array([0])  # the only output is that of the only species
STEPPED = [[[log(3) + 3 / 16, 3 / 8], [2 - 1 / 8, -1 - 1 / 4]], [[4 + 3 / 16, -2 + 1 / 8]]]
STEPPED_BIASES = [[3 / 16, -1 / 8], [-2 + 1 / 4]]


def hand_weights() -> tuple[list[Array], list[Array]]:
    weights = [np.array([[log(3), 0.0], [2.0, -1.0]]), np.array([[4.0, -2.0]])]
    return weights, [np.array([0.0, 0.0]), np.array([-2.0])]


def layers(weights: Sequence[Array], biases: Sequence[Array], spare: float = 0.0) -> Layers:
    """The arrays as the loops have them; places that no neuron has hold the spare number."""
    widest = max(max(W.shape) for W in weights)
    found = Layers(np.full((len(weights), widest, widest), spare), np.full((len(weights), widest), spare))
    for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
        found.weights[layer, : W.shape[0], : W.shape[1]] = W
        found.biases[layer, : len(b)] = b
    return found


def zeros(like: Layers) -> Layers:
    return Layers(np.zeros_like(like.weights), np.zeros_like(like.biases))


def begun(parameters: Layers) -> State:
    return State(parameters, zeros(parameters), zeros(parameters), zeros(parameters))


def recipe(sizes: Sequence[int] = (2, 2, 1), activation: int = SIGMOID, output: int = SIGMOID) -> Recipe:
    """Plain gradient descent, row by row."""
    return Recipe(np.array(sizes), activation, output, False, 0.0, 0.0, 1, np.ones(sizes[-1]))  # noqa: FBT003 - no Adam


def exactly(expected: object, found: object) -> None:
    np.testing.assert_allclose(np.array(found), np.array(expected), rtol=1e-14, atol=1e-15)


def test_the_example_worked_by_hand_goes_forward_as_by_hand() -> None:
    activations = np.zeros((3, 2))
    kernel.forward(recipe(), layers(*hand_weights()), X, 0, activations)
    exactly([[1, 2], [3 / 4, 1 / 2], [1 / 2, 0]], activations)
    exactly((1 / 8, 1.0), kernel.score(recipe(), layers(*hand_weights()), (X, LABELS)))


def test_the_example_worked_by_hand_has_the_gradients_found_by_hand() -> None:
    gradient = zeros(layers(*hand_weights()))
    activations = np.array([[1, 2], [3 / 4, 1 / 2], [1 / 2, 0]])
    backpropagate(recipe(), layers(*hand_weights()), activations, np.empty((3, 2)), 0, 1.0, gradient)
    exactly([[[-3 / 32, -3 / 16], [1 / 16, 1 / 8]], [[-3 / 32, -1 / 16], [0, 0]]], gradient.weights)
    exactly([[-3 / 32, 1 / 16], [-1 / 8, 0]], gradient.biases)


def test_the_example_worked_by_hand_has_the_gradients_found_by_hand_in_matrices_too() -> None:
    weights, biases = hand_weights()
    net = Network(np.zeros(2), np.ones(2), tuple(weights), tuple(biases))
    activations = net.propagate(X)
    delta = LOSSES["sigmoid"].delta(activations[-1], np.ones((1, 1)))
    (dW1, db1), (dW2, db2) = matrices.backpropagate(net, activations, delta)
    exactly([[-3 / 32, -3 / 16], [1 / 16, 1 / 8]], dW1)
    exactly([-3 / 32, 1 / 16], db1)
    exactly([[-3 / 32, -1 / 16]], dW2)
    exactly([-1 / 8], db2)


@pytest.mark.parametrize("batch_size", [1, 2], ids=["at once", "by way of the gradient"])
def test_the_example_worked_by_hand_has_the_weights_found_by_hand_after_one_step(batch_size: int) -> None:
    state = begun(layers(*hand_weights()))
    found = train_epoch(recipe()._replace(batch_size=batch_size), state, (X, LABELS), 2.0, 0)
    exactly((1 / 8, 1.0), found)  # as the network met the row: before the step
    exactly(layers([np.array(W) for W in STEPPED], [np.array(b) for b in STEPPED_BIASES]).weights, state.parameters[0])
    exactly([*STEPPED_BIASES[0], *STEPPED_BIASES[1], 0], state.parameters.biases.ravel())


def naive_epoch(weights: list[Array], biases: list[Array], learning_rate: float) -> None:
    """As the tutorial does it: the error passes through weights that have just been changed."""
    net = Network(np.zeros(2), np.ones(2), tuple(weights), tuple(biases))
    for x, label in zip(X, LABELS, strict=True):
        activations = net.propagate(x)
        error = activations[-1] - np.eye(1)[label]
        for i in reversed(range(len(weights))):
            delta = error * activations[i + 1] * (1 - activations[i + 1])
            weights[i] -= learning_rate * np.outer(delta, activations[i])
            biases[i] -= learning_rate * delta
            error = weights[i].T @ delta


def test_passing_the_error_through_changed_weights_would_give_another_step() -> None:
    # By hand: the first hidden delta would be (4 + 3/16) (-1/8) 3/16 instead of 4 (-1/8) 3/16.
    weights, biases = hand_weights()
    naive_epoch(weights, biases, learning_rate=2.0)
    state = begun(layers(*hand_weights()))
    train_epoch(recipe(), state, (X, LABELS), 2.0, 0)
    exactly(weights[1][0], state.parameters.weights[1, 0])  # the last layer knows no difference
    exactly([log(3) + 2 * (4 + 3 / 16) * 3 / 128, 2 * 2 * (4 + 3 / 16) * 3 / 128], weights[0][0])
    assert np.all(np.abs(weights[0] - state.parameters.weights[0]) > 1e-3)


def random_layers(*sizes: int) -> tuple[list[Array], list[Array]]:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(above, below)) for below, above in pairwise(sizes)]
    return weights, [rng.normal(size=above) for above in sizes[1:]]


def test_an_epoch_is_one_exact_step_for_each_row_in_order() -> None:
    rng = np.random.default_rng(1)
    part = rng.normal(size=(20, 4)), rng.integers(3, size=20)
    weights, biases = random_layers(4, 5, 3)
    expected = [weights[0], biases[0], weights[1], biases[1]]
    for row in range(20):
        slopes = Objective().gradient(expected, part[0][row : row + 1], part[1][row : row + 1])
        expected = [array - 0.3 * slope for array, slope in zip(expected, slopes, strict=True)]
    forth, back = begun(layers(weights, biases)), begun(layers(weights, biases))
    train_epoch(recipe((4, 5, 3)), forth, part, 0.3, 0)
    train_epoch(recipe((4, 5, 3)), back, (part[0][::-1].copy(), part[1][::-1].copy()), 0.3, 0)
    exactly(layers(expected[::2], expected[1::2]).weights, forth.parameters.weights)
    exactly(layers(expected[::2], expected[1::2]).biases, forth.parameters.biases)
    assert not np.allclose(forth.parameters.weights, back.parameters.weights)


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("output", [SIGMOID, SOFTMAX], ids=["sigmoid", "softmax"])
@pytest.mark.parametrize("activation", [SIGMOID, TANH, RELU], ids=["sigmoid", "tanh", "relu"])
def test_what_narrower_layers_leave_of_the_arrays_is_neither_read_nor_written(
    activation: int, output: int, batch_size: int
) -> None:
    rng = np.random.default_rng(2)
    part = rng.normal(size=(7, 4)), rng.integers(3, size=7)
    plan = recipe((4, 2, 6, 3), activation, output)._replace(batch_size=batch_size, momentum=0.5, l2=0.1)
    clean, spoilt = (begun(layers(*random_layers(4, 2, 6, 3), spare)) for spare in (0.0, np.nan))
    assert train_epoch(plan, clean, part, 0.1, 0) == train_epoch(plan, spoilt, part, 0.1, 0)
    unused = np.isnan(spoilt.parameters.weights)
    assert 3 * 6 * 6 - 4 * 2 - 2 * 6 - 6 * 3 == unused.sum()
    np.testing.assert_array_equal(np.where(unused, np.nan, clean.parameters.weights), spoilt.parameters.weights)
    assert not clean.parameters.weights[unused].any()
    assert not clean.gradient.weights.any()  # 0 again after each step


def test_of_equal_outputs_the_first_wins_as_with_argmax() -> None:
    same = layers([np.zeros((3, 4))], [np.zeros(3)])
    for label, right in enumerate([1.0, 0.0, 0.0]):
        assert kernel.score(recipe((4, 3)), same, (np.ones((1, 4)), np.array([label])))[1] == right


def test_scores_are_those_of_rows_as_they_are_met_and_leave_the_parameters_alone() -> None:
    weights, biases = random_layers(4, 5, 3)
    net = Network(np.zeros(4), np.ones(4), tuple(weights), tuple(biases), output="softmax")
    rng = np.random.default_rng(3)
    points, labels = rng.normal(size=(30, 4)), rng.integers(3, size=30)
    parameters = layers(weights, biases)
    before = parameters.weights.copy()
    found = kernel.score(recipe((4, 5, 3), output=SOFTMAX), parameters, (points, labels))
    expected = LOSSES["softmax"].loss(net.scores(points), np.eye(3)[labels]).mean()
    exactly((expected, np.mean(net.predict(points) == labels)), found)
    np.testing.assert_array_equal(before, parameters.weights)


@pytest.mark.parametrize("wrong", [0, 1])
def test_a_certain_error_costs_much_but_not_infinitely_much(wrong: int) -> None:
    # exp(-1000) is 0 to a float, and the logarithm of 0 infinite.
    sure = layers([np.zeros((2, 4))], [np.array([1000.0, 0.0])])
    loss, _ = kernel.score(recipe((4, 2), output=SOFTMAX), sure, (np.ones((1, 4)), np.array([wrong])))
    assert loss == pytest.approx([0.0, 300 * log(10)][wrong])
    outputs = np.array([[1.0, 0.0]])
    assert LOSSES["softmax"].loss(outputs, np.eye(2)[[wrong]]) == pytest.approx([loss])
