from itertools import pairwise

import numpy as np
import pytest

from model.dataset import Dataset, Split, split
from model.evaluation import EpochScore, accuracy, loss
from model.hyperparameters import Hyperparameters
from model.network import Network
from model.training import fit
from tests.model.tables import dataset


@pytest.fixture(scope="module")
def parts(iris: Dataset) -> Split:
    return split(iris, np.random.default_rng(0))


def flat(network: Network) -> bytes:
    return b"".join(a.tobytes() for a in (network.mean, network.scale, *network.weights, *network.biases))


def alike(table: Dataset) -> Split:
    return Split(table, table, table)


def test_a_tiny_table_of_random_labels_is_learned_by_heart() -> None:
    rng = np.random.default_rng(0)
    labels = [0, 1, 2, *rng.integers(3, size=9).tolist()]
    table = dataset(labels, X=rng.uniform(1, 8, size=(12, 4)))
    _, history = fit(alike(table), Hyperparameters(hidden_layers=(16,), learning_rate=1.0, epochs=500))
    assert history[0].training_accuracy < 0.7
    assert 1.0 == history[-1].training_accuracy
    assert history[-1].training_loss < 0.01


def test_iris_is_learned_and_its_loss_falls(parts: Split) -> None:
    _, history = fit(parts, Hyperparameters())
    losses = [score.training_loss for score in history]
    assert losses[0] > losses[9] > losses[-1]
    assert losses[-1] < 0.1 * losses[0]
    assert history[-1].training_accuracy > 0.95


def test_the_same_seed_gives_the_same_network_to_the_last_bit_and_another_seed_another(parts: Split) -> None:
    first, again, other = (fit(parts, Hyperparameters(epochs=3, seed=seed)) for seed in (1, 1, 2))
    assert flat(first[0]) == flat(again[0])
    assert first[1] == again[1]
    assert all(not np.any(a == b) for a, b in zip(first[0].weights, other[0].weights, strict=True))


def test_the_report_hears_of_every_epoch_in_order_and_so_does_the_history(parts: Split) -> None:
    heard: list[EpochScore] = []
    _, history = fit(parts, Hyperparameters(epochs=7), heard.append)
    assert [1, 2, 3, 4, 5, 6, 7] == [score.epoch for score in heard]
    assert heard == history


def test_the_report_hears_of_an_epoch_before_the_next_begins(parts: Split) -> None:
    class EnoughError(Exception):
        pass

    heard: list[int] = []

    def leave(score: EpochScore) -> None:
        heard.append(score.epoch)
        if score.epoch == 2:
            raise EnoughError

    with pytest.raises(EnoughError):
        fit(parts, Hyperparameters(epochs=10_000), leave)
    assert [1, 2] == heard


def test_the_last_scores_are_those_of_the_network_that_is_returned(parts: Split) -> None:
    network, history = fit(parts, Hyperparameters(epochs=3))
    for part, found in (
        (parts.training, (history[-1].training_loss, history[-1].training_accuracy)),
        (parts.validation, (history[-1].validation_loss, history[-1].validation_accuracy)),
    ):
        outputs = network.scores(part.X)
        assert (loss(outputs, part.targets), accuracy(outputs, part.labels)) == found


def test_the_layers_are_the_features_the_hidden_ones_and_the_species(parts: Split) -> None:
    for hidden in ((), (5, 10), (2, 3, 4, 5)):
        network, _ = fit(parts, Hyperparameters(hidden_layers=hidden, epochs=1))
        assert (4, *hidden, 3) == network.layer_sizes


def test_inputs_are_scaled_by_the_training_rows_and_by_no_others(parts: Split) -> None:
    network, _ = fit(parts, Hyperparameters(epochs=1))
    scaled = network.standardize(parts.training.X)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-12)

    far = parts.validation.take(np.arange(len(parts.validation)))
    far.X[:] = 29.0
    elsewhere, _ = fit(Split(parts.training, far, far), Hyperparameters(epochs=1))
    assert flat(network) == flat(elsewhere)


def test_without_standardisation_the_network_reads_centimetres(parts: Split) -> None:
    network, _ = fit(parts, Hyperparameters(standardize=False, epochs=1))
    assert [0, 0, 0, 0] == network.mean.tolist()
    assert [1, 1, 1, 1] == network.scale.tolist()
    standardised, _ = fit(parts, Hyperparameters(epochs=1))
    assert not np.array_equal(network.weights[0], standardised.weights[0])


@pytest.mark.parametrize("constant", [1.0, 0.1, 5.1, 29.9])
def test_the_deviation_of_a_constant_feature_counts_as_1(parts: Split, constant: float) -> None:
    # Not 0, and not the 1e-14 either that rounding makes of it for most decimal fractions: the
    # feature would shout as soon as a flower differs in it.
    table = parts.training.take(np.arange(len(parts.training)))
    table.X[:, 1] = constant
    network, history = fit(alike(table), Hyperparameters(epochs=2))
    assert 1 == network.scale[1]
    assert np.isfinite(history[-1].training_loss)
    np.testing.assert_allclose(network.standardize(table.X)[:, 1], 0, atol=1e-12)


@pytest.mark.parametrize("tiny", [1e-200, 5e-324], ids=["1e-200", "5e-324"])
def test_a_deviation_too_small_for_a_float_does_not_divide_by_zero(parts: Split, tiny: float) -> None:
    table = parts.training.take(np.arange(len(parts.training)))
    table.X[:, 1] = tiny * (1 + np.arange(len(table)) % 2)
    network, history = fit(alike(table), Hyperparameters(epochs=2))
    assert network.scale.min() > 0
    assert np.isfinite(history[-1].training_loss)


@pytest.mark.parametrize(
    "hyperparameters",
    [
        Hyperparameters(learning_rate=10.0, epochs=20),
        Hyperparameters(learning_rate=10.0, epochs=20, standardize=False),
        Hyperparameters(hidden_layers=(30,) * 8, epochs=3, learning_rate=10.0),
    ],
    ids=["rate", "rate and centimetres", "depth"],
)
def test_the_wildest_hyperparameters_end_in_finite_numbers(parts: Split, hyperparameters: Hyperparameters) -> None:
    network, history = fit(parts, hyperparameters)
    assert all(np.isfinite(array).all() for array in (*network.weights, *network.biases))
    assert all(before.epoch + 1 == after.epoch for before, after in pairwise(history))
    assert np.isfinite([score.training_loss for score in history]).all()
