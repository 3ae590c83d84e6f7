"""Loops, matrices and the serving forward pass say the same."""

from itertools import product

import numpy as np
import pytest

from model import kernel
from model.hyperparameters import Activation, ClassWeight, Hyperparameters, Optimizer, Output
from model.learner import Learner
from model.losses import LOSSES
from tests.model.learning import Learn, by_loops, by_matrices, network, parameters, split_of

PARTS = split_of(21)
OPTIMIZERS = {
    "sgd": {"learning_rate": 0.3},
    "momentum": {"learning_rate": 0.1, "momentum": 0.9},
    "adam": {"optimizer": Optimizer.ADAM, "learning_rate": 0.01},
}
RATES = [1.0, 0.5, 0.25, 0.125]  # of the recipe's, epoch by epoch
ALL = len(PARTS.training)


@pytest.mark.parametrize("batch_size", [1, 7, 8, ALL, 100], ids=["1", "7", "8, not dividing", "all", "more than all"])
@pytest.mark.parametrize(("l2", "class_weight"), list(product((0.0, 0.05), (None, ClassWeight.BALANCED))), ids=str)
@pytest.mark.parametrize("output", Output)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_loops_and_matrices_learn_the_same(
    optimizer: str, output: Output, l2: float, class_weight: ClassWeight | None, batch_size: int
) -> None:
    for activation in Activation:
        recipe = Hyperparameters(
            (5, 6),
            activation,
            output,
            l2=l2,
            class_weight=class_weight,
            batch_size=batch_size,
            **OPTIMIZERS[optimizer],  # type: ignore[arg-type]
        )
        net = network(recipe)
        loops, matrices = Learner(net, PARTS, recipe), Learner(net, PARTS, recipe)
        rates = [recipe.learning_rate * share for share in RATES]
        np.testing.assert_allclose(by_loops(loops, rates), by_matrices(matrices, rates), rtol=1e-10, atol=1e-10)
        found = parameters(loops.network())
        for a, b, c in zip(found, parameters(matrices.network()), parameters(net), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
            assert np.abs(a - c).max() > 1e-4


@pytest.mark.parametrize("output", Output)
@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("hidden", [(), (1,), (5, 6), (3, 9, 2, 7)], ids=str)
def test_the_network_that_serves_scores_as_the_loops_do_that_taught_it(
    hidden: tuple[int, ...], activation: Activation, output: Output
) -> None:
    recipe = Hyperparameters(hidden, activation, output, batch_size=4)
    learner = Learner(network(recipe), PARTS, recipe)
    told = by_loops(learner, [0.3, 0.3])[-1, 2:]
    served, part = learner.network(), PARTS.validation
    outputs = served.scores(part.X)
    activations = np.zeros((len(served.layer_sizes), max(served.layer_sizes)))
    for row in range(len(part)):
        kernel.forward(learner._recipe, learner._state.parameters, part.X, row, activations)
        np.testing.assert_allclose(activations[-1, :3], outputs[row], rtol=1e-13, atol=1e-300)
        np.testing.assert_allclose(served.scores(part.X[row]), outputs[row], rtol=1e-13, atol=1e-300)
    right = np.mean(outputs.argmax(axis=1) == part.labels)
    np.testing.assert_allclose(told, [LOSSES[output].loss(outputs, part.targets).mean(), right], rtol=1e-13)


@pytest.mark.parametrize("output", Output)
def test_the_network_that_serves_scores_as_the_matrices_do_that_taught_it(output: Output) -> None:
    recipe = Hyperparameters((5, 6), output=output, batch_size=4)
    learner = Learner(network(recipe), PARTS, recipe)
    told = by_matrices(learner, [0.3, 0.3])[-1, 2:]
    outputs, part = learner.network().scores(PARTS.validation.X), PARTS.validation
    right = np.mean(outputs.argmax(axis=1) == part.labels)
    np.testing.assert_allclose(told, [LOSSES[output].loss(outputs, part.targets).mean(), right], rtol=1e-13)


def test_matrices_score_some_rows_at_a_time_as_they_do_all_at_once() -> None:
    parts = split_of(9_000)
    recipe = Hyperparameters((5,), batch_size=10_000)
    learner = Learner(network(recipe), parts, recipe)
    learner._parts[1] = learner._parts[0]  # the 9,000 are scored too, in three portions
    told = by_matrices(learner, [0.1])[-1, 2:]
    outputs, part = learner.network().scores(parts.training.X), parts.training
    right = np.mean(outputs.argmax(axis=1) == part.labels)
    np.testing.assert_allclose(told, [LOSSES["sigmoid"].loss(outputs, part.targets).mean(), right], rtol=1e-12)


@pytest.mark.parametrize(
    ("batch_size", "width", "by"), [(128, 512, by_matrices), (127, 512, by_loops), (1_000, 64, by_loops)]
)
def test_large_batches_of_wide_layers_go_by_matrices_and_others_by_loops(
    batch_size: int, width: int, by: Learn
) -> None:
    recipe, parts = Hyperparameters((width,), batch_size=batch_size, learning_rate=0.1), split_of(1_000)
    net = network(recipe)
    learner, expected = Learner(net, parts, recipe), Learner(net, parts, recipe)
    learner.train_epochs(np.array([0.1, 0.1]), 0)
    by(expected, [0.1, 0.1])
    for a, b in zip(parameters(learner.network()), parameters(expected.network()), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("batch_size", [1, 128], ids=["loops", "matrices"])
def test_learning_leaves_what_it_began_with_as_it_was(batch_size: int) -> None:
    recipe, parts = Hyperparameters((512,), batch_size=batch_size), split_of(150)
    net = network(recipe)
    before = [*parameters(net), parts.training.X.copy(), parts.validation.X.copy()]
    learner = Learner(net, parts, recipe)
    learner.train_epochs(np.array([0.1]), 0)
    early = learner.network()
    then = parameters(early)
    learner.train_epochs(np.array([0.1]), 1)
    for a, b in zip(
        [*before, *then], [*parameters(net), parts.training.X, parts.validation.X, *parameters(early)], strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(then[0], learner.network().weights[0])


@pytest.mark.parametrize("batch_size", [4, 128], ids=["loops", "matrices"])
def test_adam_counts_its_steps_over_epochs_that_are_learned_apart(batch_size: int) -> None:
    recipe = Hyperparameters((512,), optimizer=Optimizer.ADAM, learning_rate=0.01, batch_size=batch_size)
    net, parts = network(recipe), split_of(150)
    together, apart = Learner(net, parts, recipe), Learner(net, parts, recipe)
    expected = together.train_epochs(np.full(5, 0.01), 0)
    found = [apart.train_epochs(np.full(2, 0.01), 0), apart.train_epochs(np.full(3, 0.01), 2)]
    np.testing.assert_array_equal(expected, np.concatenate(found))
    for a, b in zip(parameters(together.network()), parameters(apart.network()), strict=True):
        np.testing.assert_array_equal(a, b)
