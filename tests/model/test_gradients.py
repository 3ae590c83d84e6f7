"""The gradient is exact, of every activation, output, penalty and weight of species, in loops and in matrices."""

from itertools import product
from typing import Any, cast

import numpy as np
import pytest

from model import matrices
from model.dataset import Split
from model.hyperparameters import Activation, ClassWeight, Hyperparameters, Output
from model.learner import Learner
from model.losses import LOSSES
from model.network import Array, Network
from tests.model.learning import FORMS, Learn, close, network, objective, parameters, rows

CHOICES = [
    {"activation": activation, "output": output, "l2": l2, "class_weight": class_weight}
    for activation, output, l2, class_weight in product(Activation, Output, (0.0, 0.1), (None, ClassWeight.BALANCED))
]
TRAINING = rows(11)
PARTS = Split(TRAINING, TRAINING, TRAINING)


def named(choices: dict[str, Any]) -> str:
    return "-".join(str(choice) for choice in choices.values())


def gradient_by(learn: Learn, net: Network, parts: Split, hyperparameters: Hyperparameters) -> list[Array]:
    """How far one step of length 1 down the gradient goes."""
    learner = Learner(net, parts, hyperparameters)
    before = parameters(learner.network())
    learn(learner, [1.0])
    return [b - a for b, a in zip(before, parameters(learner.network()), strict=True)]


def kinkless(net: Network) -> bool:
    """Whether no row is so near to a kink of relu that rounding could take it across."""
    layers = zip(net.weights, net.biases, net.propagate(TRAINING.X), strict=False)
    return bool(min(np.abs(A @ W.T + b).min() for W, b, A in layers) > 1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("choices", CHOICES, ids=named)
def test_every_derivative_of_a_batch_is_that_of_a_complex_step(choices: dict[str, Any], form: str) -> None:
    recipe = Hyperparameters(hidden_layers=(5, 6), batch_size=len(TRAINING), **choices)
    net = network(recipe)
    assert kinkless(net)
    expected = objective(recipe, TRAINING).gradient(parameters(net), TRAINING.X, TRAINING.labels)
    assert all(np.abs(slopes).max() > 1e-4 for slopes in expected)
    # The step is the difference of numbers about 1, so that some digits of it are lost.
    close(expected, gradient_by(FORMS[form], net, PARTS, recipe), tolerance=1e-11)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("choices", [choices for choices in CHOICES if not choices["l2"]], ids=named)
def test_every_derivative_of_a_single_row_is_that_of_a_complex_step(choices: dict[str, Any], form: str) -> None:
    """One row and nothing else to do is a short cut of the loops: the step goes to the weights at once."""
    recipe = Hyperparameters(hidden_layers=(5, 6), batch_size=1, **choices)
    net, one = network(recipe), TRAINING.take(np.array([4]))
    weighed = objective(recipe, TRAINING)
    learner = Learner(net, PARTS, recipe)
    learner._parts[0] = (one.X, one.labels)
    FORMS[form](learner, [1.0])
    found = [b - a for b, a in zip(parameters(net), parameters(learner.network()), strict=True)]
    close(weighed.gradient(parameters(net), one.X, one.labels), found, tolerance=1e-11)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("hidden", [(), (1,), (8, 7, 6, 5)], ids=str)
@pytest.mark.parametrize("activation", Activation)
def test_every_derivative_in_networks_of_any_depth_is_that_of_a_complex_step(
    activation: Activation, hidden: tuple[int, ...], form: str
) -> None:
    recipe = Hyperparameters(hidden, activation, Output.SOFTMAX, batch_size=len(TRAINING), l2=0.01)
    net = network(recipe, seed=2)
    assert kinkless(net)
    expected = objective(recipe, TRAINING).gradient(parameters(net), TRAINING.X, TRAINING.labels)
    close(expected, gradient_by(FORMS[form], net, PARTS, recipe), tolerance=1e-11)


@pytest.mark.parametrize("output", Output)
@pytest.mark.parametrize("activation", Activation)
def test_every_derivative_is_that_of_central_differences_of_the_code_itself(
    activation: Activation, output: Output
) -> None:
    net = network(Hyperparameters((5, 6), activation, output), seed=1)
    assert kinkless(net)
    loss, delta = LOSSES[output]
    activations = net.propagate(TRAINING.X)
    found = matrices.backpropagate(net, activations, delta(activations[-1], TRAINING.targets))
    h = 1e-5
    for arrays, slopes in ((net.weights, [dW for dW, _ in found]), (net.biases, [db for _, db in found])):
        for array, slope in zip(arrays, slopes, strict=True):
            for place in np.ndindex(array.shape):
                losses = []
                for step in (h, -2 * h, h):
                    array[place] += step
                    losses.append(loss(net.propagate(TRAINING.X)[-1], TRAINING.targets).sum())
                assert (losses[0] - losses[1]) / (2 * h) == pytest.approx(slope[place], rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("output", Output)
def test_the_delta_of_the_outputs_is_the_derivative_of_the_loss_by_their_sums(output: Output) -> None:
    rng = np.random.default_rng(0)
    Z, targets = rng.normal(size=(7, 3)), np.eye(3)[rng.integers(3, size=7)]
    # The last layer alone, each weighted sum stepped by itself: a network of no hidden layer whose inputs are Z.
    net = Network(np.zeros(3), np.ones(3), (np.eye(3),), (np.zeros(3),), output=output)
    loss, delta = LOSSES[output]
    found = delta(net.propagate(Z)[-1], targets)
    for k, unit in enumerate(np.eye(3)):
        stepped = loss(net.propagate(cast("Array", Z + 1e-20j * unit))[-1], targets)
        np.testing.assert_allclose(found[:, k], np.imag(stepped) / 1e-20, rtol=1e-12, atol=1e-15)


def test_backpropagation_changes_nothing_but_the_gradient() -> None:
    recipe = Hyperparameters((5, 6))
    net = network(recipe)
    activations = net.propagate(TRAINING.X)
    delta = LOSSES["sigmoid"].delta(activations[-1], TRAINING.targets)
    before = [array.copy() for array in (*parameters(net), *activations, delta)]
    matrices.backpropagate(net, activations, delta)
    for expected, found in zip(before, (*parameters(net), *activations, delta), strict=True):
        np.testing.assert_array_equal(expected, found)
