from itertools import pairwise

import numpy as np
import pytest

from model.dataset import Dataset, Split, split
from model.errors import TrainingError
from model.evaluation import EpochScore, evaluate
from model.hyperparameters import Activation, ClassWeight, Hyperparameters, InitialWeights, Optimizer, Output
from model.network import Network, initial_layers
from model.training import fit
from tests.model.learning import close, flat, network, objective, parameters, split_of
from tests.model.tables import dataset
from tests.model.textbook import learn, momentum


@pytest.fixture(scope="module")
def parts(iris: Dataset) -> Split:
    return split(iris, np.random.default_rng(0))


def alike(table: Dataset) -> Split:
    return Split(table, table, table)


# Learning.


@pytest.mark.parametrize("output", Output)
def test_a_tiny_table_of_random_labels_is_learned_by_heart(output: Output) -> None:
    rng = np.random.default_rng(0)
    labels = [0, 1, 2, *rng.integers(3, size=9).tolist()]
    table = dataset(labels, X=rng.uniform(1, 8, size=(12, 4)))
    history = fit(alike(table), Hyperparameters((16,), output=output, learning_rate=1.0, epochs=500)).history
    assert history[0].training_accuracy < 0.7
    assert 1.0 == history[-1].training_accuracy
    assert history[-1].training_loss < 0.01


@pytest.mark.parametrize("form", [{}, {"batch_size": 64, "hidden_layers": (64,)}], ids=["loops", "matrices"])
@pytest.mark.parametrize(
    "recipe",
    [
        {"learning_rate": 0.05, "momentum": 0.5},
        {"learning_rate": 0.01, "optimizer": Optimizer.ADAM},
        {"learning_rate": 0.05, "l2": 0.001, "class_weight": ClassWeight.BALANCED},
    ],
    ids=["momentum", "adam", "penalty and class weights"],
)
@pytest.mark.parametrize("activation", Activation)
def test_iris_is_learned_by_every_recipe_and_its_loss_falls(
    parts: Split, activation: Activation, recipe: dict[str, object], form: dict[str, object]
) -> None:
    chosen = {"initial_weights": InitialWeights.GLOROT, "output": Output.SOFTMAX, "epochs": 150} | recipe | form
    history = fit(parts, Hyperparameters(activation=activation, **chosen)).history  # type: ignore[arg-type]
    losses = [score.training_loss for score in history]
    assert losses[0] > losses[9] > losses[-1]
    assert losses[-1] < 0.25 * losses[0]
    assert history[-1].training_accuracy > 0.9


def test_the_tutorials_recipe_learns_iris_and_its_loss_falls(parts: Split) -> None:
    history = fit(parts, Hyperparameters()).history
    losses = [score.training_loss for score in history]
    assert losses[0] > losses[9] > losses[-1]
    assert losses[-1] < 0.15 * losses[0]
    assert history[-1].training_accuracy > 0.95


def test_a_fit_goes_as_the_formulas_say() -> None:
    recipe = Hyperparameters((3,), learning_rate=0.2, learning_rate_decay=0.5, epochs=4, standardize=False)
    split = split_of(9)
    weights, biases = initial_layers((4, 3, 3), "uniform", np.random.default_rng(recipe.seed))
    begun = parameters(Network(np.zeros(4), np.ones(4), weights, biases))
    rates = [0.2, 0.2 / 1.5, 0.2 / 2.0, 0.2 / 2.5]
    rows = split.training
    expected, scores = learn(objective(recipe, rows), momentum(0.0), begun, rows.X, rows.labels, 1, rates)
    found = fit(split, recipe)
    close(expected, parameters(found.network), tolerance=1e-11)
    told = [(score.training_loss, score.training_accuracy) for score in found.history]
    np.testing.assert_allclose(told, scores, rtol=1e-11)


def test_balanced_classes_are_rows_repeated_until_each_species_has_as_many() -> None:
    # Of 2, 3 and 6 rows: repeated 3 times, twice and once each species has 6. A step of the whole
    # table takes the mean over its rows, so that it is the same step.
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [2, 3, 6])
    few = dataset(labels.tolist(), X=rng.normal(size=(11, 4)))
    many = few.take(np.repeat(np.arange(11), np.repeat([3, 2, 1], [2, 3, 6])))
    common = {"hidden_layers": (3,), "epochs": 20, "batch_size": 100, "momentum": 0.5, "standardize": False}
    balanced = Hyperparameters(class_weight=ClassWeight.BALANCED, **common)  # type: ignore[arg-type]
    plain = Hyperparameters(**common)  # type: ignore[arg-type]
    expected, found = fit(alike(many), plain).network, fit(alike(few), balanced).network
    close(parameters(expected), parameters(found), tolerance=1e-12)
    assert not np.allclose(fit(alike(few), plain).network.weights[0], found.weights[0], rtol=1e-3)


def test_the_weights_of_balanced_classes_are_1_on_average_so_that_steps_stay_as_long() -> None:
    even = dataset([0, 1, 2, 0, 1, 2], X=np.random.default_rng(0).normal(size=(6, 4)))
    plain, balanced = (
        fit(alike(even), Hyperparameters(epochs=3, class_weight=c)) for c in (None, ClassWeight.BALANCED)
    )
    assert flat(plain.network) == flat(balanced.network)


# What is told.


def test_the_report_hears_of_every_epoch_in_order_and_so_does_the_history(parts: Split) -> None:
    heard: list[EpochScore | None] = []
    history = fit(parts, Hyperparameters(epochs=7), heard.append).history
    assert [1, 2, 3, 4, 5, 6, 7] == [score.epoch for score in history]
    assert {1} == {score.start for score in history}
    assert heard == history


def test_the_report_hears_of_an_epoch_that_takes_long_before_the_next_begins(parts: Split) -> None:
    class EnoughError(Exception):
        pass

    heard: list[EpochScore | None] = []

    def leave(score: EpochScore | None) -> None:
        heard.append(score)
        if len(heard) == 2:
            raise EnoughError

    with pytest.raises(EnoughError):
        fit(parts, Hyperparameters((512, 512), epochs=10_000), leave)
    assert [1, 2] == [score.epoch for score in heard if score]


def test_the_last_validation_scores_are_those_of_the_network_that_is_returned(parts: Split) -> None:
    found = fit(parts, Hyperparameters(epochs=3))
    evaluation = evaluate(found.network, parts.validation)
    assert found.kept == found.history[-1]
    assert evaluation.loss == pytest.approx(found.kept.validation_loss, rel=1e-12)
    assert evaluation.accuracy == found.kept.validation_accuracy


# What the network is.


def test_the_layers_are_the_features_the_hidden_ones_and_the_species(parts: Split) -> None:
    for hidden in ((), (5, 10), (2, 3, 4, 5)):
        assert (4, *hidden, 3) == fit(parts, Hyperparameters(hidden, epochs=1)).network.layer_sizes


@pytest.mark.parametrize("output", Output)
@pytest.mark.parametrize("activation", Activation)
def test_the_network_squashes_as_the_recipe_says(parts: Split, activation: Activation, output: Output) -> None:
    found = fit(parts, Hyperparameters(activation=activation, output=output, epochs=1)).network
    assert (activation, output) == (found.activation, found.output)


@pytest.mark.parametrize("scheme", InitialWeights)
def test_weights_begin_as_the_recipe_says(parts: Split, scheme: InitialWeights) -> None:
    found = fit(parts, Hyperparameters(initial_weights=scheme, learning_rate=1e-300, epochs=1, seed=9)).network
    weights, biases = initial_layers((4, 5, 10, 3), scheme, np.random.default_rng(9))
    for expected, array in zip((*weights, *biases), (*found.weights, *found.biases), strict=True):
        np.testing.assert_allclose(array, expected, rtol=0, atol=1e-290)


def test_inputs_are_scaled_by_the_training_rows_and_by_no_others(parts: Split) -> None:
    network = fit(parts, Hyperparameters(epochs=1)).network
    scaled = network.standardize(parts.training.X)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-12)

    far = parts.validation.take(np.arange(len(parts.validation)))
    far.X[:] = 29.0
    assert flat(network) == flat(fit(Split(parts.training, far, far), Hyperparameters(epochs=1)).network)


def test_without_standardisation_the_network_reads_centimetres(parts: Split) -> None:
    network = fit(parts, Hyperparameters(standardize=False, epochs=1)).network
    assert [0, 0, 0, 0] == network.mean.tolist()
    assert [1, 1, 1, 1] == network.scale.tolist()
    standardised = fit(parts, Hyperparameters(epochs=1)).network
    assert not np.array_equal(network.weights[0], standardised.weights[0])


@pytest.mark.parametrize("constant", [1.0, 0.1, 5.1, 29.9])
def test_the_deviation_of_a_constant_feature_counts_as_1(parts: Split, constant: float) -> None:
    # Not 0, and not the 1e-14 either that rounding makes of it for most decimal fractions: the
    # feature would shout as soon as a flower differs in it.
    table = parts.training.take(np.arange(len(parts.training)))
    table.X[:, 1] = constant
    network, kept, _ = fit(alike(table), Hyperparameters(epochs=2))
    assert 1 == network.scale[1]
    assert np.isfinite(kept.training_loss)
    np.testing.assert_allclose(network.standardize(table.X)[:, 1], 0, atol=1e-12)


@pytest.mark.parametrize("tiny", [1e-200, 5e-324], ids=["1e-200", "5e-324"])
def test_a_deviation_too_small_for_a_float_does_not_divide_by_zero(parts: Split, tiny: float) -> None:
    table = parts.training.take(np.arange(len(parts.training)))
    table.X[:, 1] = tiny * (1 + np.arange(len(table)) % 2)
    network, kept, _ = fit(alike(table), Hyperparameters(epochs=2))
    assert network.scale.min() > 0
    assert np.isfinite(kept.training_loss)


# Where it goes wild.


@pytest.mark.parametrize(
    "hyperparameters",
    [
        Hyperparameters(learning_rate=10.0, epochs=20),
        Hyperparameters(learning_rate=10.0, epochs=20, standardize=False),
        Hyperparameters(hidden_layers=(30,) * 8, epochs=3, learning_rate=10.0),
        Hyperparameters((30,), Activation.RELU, epochs=20, learning_rate=10.0),
        Hyperparameters((30,), Activation.RELU, epochs=20, learning_rate=10.0, batch_size=10_000),
    ],
    ids=["rate", "rate and centimetres", "depth", "relu in loops", "relu in matrices"],
)
def test_the_wildest_hyperparameters_of_squashed_outputs_end_in_finite_numbers(
    parts: Split, hyperparameters: Hyperparameters
) -> None:
    network, _, history = fit(parts, hyperparameters)
    assert all(np.isfinite(array).all() for array in (*network.weights, *network.biases))
    assert all(before.epoch + 1 == after.epoch for before, after in pairwise(history))
    assert np.isfinite([score.training_loss for score in history]).all()


@pytest.mark.parametrize("batch_size", [2, 10_000], ids=["loops", "matrices"])
def test_a_fit_that_diverges_is_an_error_that_names_the_epoch_and_the_mend(parts: Split, batch_size: int) -> None:
    heard: list[EpochScore | None] = []
    wild = Hyperparameters(
        (8, 8, 8),
        Activation.RELU,
        Output.SOFTMAX,
        learning_rate=10.0,
        momentum=0.99,
        batch_size=batch_size,
        l2=0.09,
        epochs=10_000,
        standardize=False,
    )
    with pytest.raises(TrainingError) as caught:
        fit(parts, wild, heard.append)
    epoch = len(heard) + 1
    expected = f"the loss is no longer a finite number in epoch {epoch}: a smaller learning_rate may help"
    assert expected == str(caught.value)


# Beginning with a network that is there.


def test_a_warm_start_goes_on_where_the_network_stopped(parts: Split) -> None:
    early = fit(parts, Hyperparameters(epochs=4)).network
    before = flat(early)
    expected = fit(parts, Hyperparameters(epochs=9))
    found = fit(parts, Hyperparameters(epochs=5, warm_start=True, seed=8), warm=early)
    assert before == flat(early)
    assert flat(expected.network) == flat(found.network)
    assert [score.training_loss for score in expected.history[4:]] == [score.training_loss for score in found.history]


def test_a_warm_start_keeps_the_scale_on_which_the_network_reads(parts: Split) -> None:
    begun = network(Hyperparameters(epochs=1))
    found = fit(parts, Hyperparameters(epochs=1, warm_start=True), warm=begun).network
    assert (begun.mean.tolist(), begun.scale.tolist()) == (found.mean.tolist(), found.scale.tolist())
