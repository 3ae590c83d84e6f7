"""The optimisers against their formulas, read anew, and against scikit-learn's."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from model.hyperparameters import Activation, ClassWeight, Hyperparameters, Optimizer, Output
from model.learner import Learner
from model.network import Array, Network
from tests.model.learning import FORMS, close, network, objective, parameters, split_of
from tests.model.textbook import Step, adam, learn, momentum

PARTS = split_of(13)
ROWS = PARTS.training
RATES = [1.0, 0.5, 0.25]  # of the recipe's, epoch by epoch

# The loops correct Adam's two means together, in the length of the step (Kingma and Ba, end of
# section 2). That is algorithm 1 with an epsilon that shrinks to its 1e-8 as the steps go on.
SHRINKING: Callable[[], Step] = adam(lambda t: 1e-8 / np.sqrt(1 - 0.999**t))
RULES: dict[str, tuple[dict[str, Any], Callable[[], Step]]] = {
    "sgd": ({"learning_rate": 0.3}, momentum(0.0)),
    "momentum": ({"learning_rate": 0.1, "momentum": 0.9}, momentum(0.9)),
    "adam": ({"learning_rate": 0.01, "optimizer": Optimizer.ADAM}, SHRINKING),
}
TASKS: dict[str, dict[str, Any]] = {
    "tutorial": {},
    "softmax": {"activation": Activation.TANH, "output": Output.SOFTMAX},
    "all at once": {
        "activation": Activation.TANH,
        "output": Output.SOFTMAX,
        "l2": 0.05,
        "class_weight": ClassWeight.BALANCED,
    },
}


@pytest.mark.parametrize("batch_size", [1, 5, 13])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("form", FORMS)
def test_epochs_go_as_the_formulas_say(form: str, rule: str, task: str, batch_size: int) -> None:
    chosen, step = RULES[rule]
    recipe = Hyperparameters((3,), batch_size=batch_size, **chosen, **TASKS[task])
    net, rates = network(recipe), [recipe.learning_rate * share for share in RATES]
    learner = Learner(net, PARTS, recipe)
    scores = FORMS[form](learner, rates)
    expected, expected_scores = learn(
        objective(recipe, ROWS), step, parameters(net), ROWS.X, ROWS.labels, batch_size, rates
    )
    close(expected, parameters(learner.network()), tolerance=1e-9)
    np.testing.assert_allclose(scores[:, :2], expected_scores, rtol=1e-9)


def test_adam_is_algorithm_1_but_for_its_epsilon() -> None:
    # In the first step the loops' epsilon is 1e-8 / sqrt(0.001), that is 3e-7: beside a gradient of
    # 1e-3 or more that is 3e-4 of a step of 0.01 at most, and less in each step that follows.
    recipe = Hyperparameters((3,), optimizer=Optimizer.ADAM, learning_rate=0.01, batch_size=5, output=Output.SOFTMAX)
    net, rates = network(recipe), [0.01] * 4
    learner = Learner(net, PARTS, recipe)
    FORMS["loops"](learner, rates)
    expected, _ = learn(objective(recipe, ROWS), adam(), parameters(net), ROWS.X, ROWS.labels, 5, rates)
    for e, f in zip(expected, parameters(learner.network()), strict=True):
        np.testing.assert_allclose(f, e, rtol=0, atol=1e-5)


def test_the_first_step_of_adam_is_as_long_as_the_learning_rate_in_every_direction() -> None:
    recipe = Hyperparameters((3,), optimizer=Optimizer.ADAM, learning_rate=0.05, batch_size=13)
    net = network(recipe)
    learner = Learner(net, PARTS, recipe)
    slopes = objective(recipe, ROWS).gradient(parameters(net), ROWS.X, ROWS.labels)
    FORMS["loops"](learner, [0.05])
    for before, after, slope in zip(parameters(net), parameters(learner.network()), slopes, strict=True):
        np.testing.assert_allclose(after - before, -0.05 * np.sign(slope), rtol=1e-2)


def test_the_penalty_is_on_weights_and_not_on_biases() -> None:
    recipe = Hyperparameters((3,), l2=0.5, batch_size=13)
    light, heavy = (Learner(network(plan), PARTS, plan) for plan in (Hyperparameters((3,), batch_size=13), recipe))
    before = network(recipe)
    for learner in (light, heavy):
        FORMS["loops"](learner, [0.1])
    for W, without, within in zip(before.weights, light.network().weights, heavy.network().weights, strict=True):
        np.testing.assert_allclose(without - within, 0.1 * 0.5 * W, rtol=1e-10, atol=1e-12)
    for without, within in zip(light.network().biases, heavy.network().biases, strict=True):
        np.testing.assert_array_equal(without, within)


# Against scikit-learn, where it means the same: softmax with the cross-entropy for three species.


class Begun(MLPClassifier):  # type: ignore[misc]
    """scikit-learn's network, beginning with weights that it is given."""

    def begin_with(self, net: Network) -> "Begun":
        self._layers = iter(zip(net.weights, net.biases, strict=True))
        return self

    def _init_coef(self, fan_in: int, fan_out: int, dtype: object) -> tuple[Array, Array]:  # noqa: ARG002 - as theirs
        W, b = next(self._layers)
        assert (fan_out, fan_in) == W.shape
        return W.T.copy(), b.copy()


def fitted_by_scikit_learn(net: Network, recipe: Hyperparameters, X: Array, labels: NDArray[np.int64]) -> list[Array]:
    names = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}
    theirs = Begun(
        recipe.hidden_layers,
        activation=names[recipe.activation],
        solver=str(recipe.optimizer),
        alpha=recipe.l2 * recipe.batch_size,  # its penalty is divided by the rows of the batch
        batch_size=min(recipe.batch_size, len(X)),
        learning_rate_init=recipe.learning_rate,
        max_iter=recipe.epochs,
        shuffle=False,
        tol=0,
        n_iter_no_change=recipe.epochs + 1,
        momentum=recipe.momentum,
        nesterovs_momentum=False,
    ).begin_with(net)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it would rather go on
        theirs.fit(X, labels)
    return [array for W, b in zip(theirs.coefs_, theirs.intercepts_, strict=True) for array in (W.T, b)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("l2", [0.0, 0.02])
@pytest.mark.parametrize("batch_size", [1, 8, 32], ids=["1", "8", "all"])
@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("rule", RULES)
def test_a_fit_is_that_of_scikit_learn(
    rule: str, activation: Activation, batch_size: int, l2: float, form: str
) -> None:
    parts = split_of(32)
    recipe = Hyperparameters(
        (6, 4), activation, Output.SOFTMAX, batch_size=batch_size, epochs=6, l2=l2, **RULES[rule][0]
    )
    recipe = replace(recipe, learning_rate=recipe.learning_rate / 5)
    net = network(recipe, seed=3)
    learner = Learner(net, parts, recipe)
    FORMS[form](learner, [recipe.learning_rate] * recipe.epochs)
    expected = fitted_by_scikit_learn(net, recipe, parts.training.X, parts.training.labels)
    close(expected, parameters(learner.network()), tolerance=1e-9)
    assert max(np.abs(a - b).max() for a, b in zip(expected, parameters(net), strict=True)) > 1e-3
