"""How good a network is, against scikit-learn and by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics

from model.evaluation import (
    Evaluation,
    SpeciesScore,
    accuracy,
    calibration_error,
    confusion_matrix,
    evaluate,
    scores_of,
)
from model.hyperparameters import Hyperparameters, Output
from model.losses import cross_entropy, squared_error
from model.network import Array, Network, probabilities
from tests.model.learning import network
from tests.model.tables import dataset


def echo(species: int) -> Network:
    """A network that predicts the species whose feature is the largest."""
    return Network(np.zeros(4), np.ones(4), weights=(np.eye(species, 4),), biases=(np.zeros(species),))


def evaluated(labels: list[int], predicted: list[int]) -> Evaluation:
    species = max(labels) + 1
    return evaluate(echo(species), dataset(labels, X=np.eye(4)[predicted]))


def test_an_example_counted_by_hand() -> None:
    # Of three rows of species 0 two are found; the third goes to species 1, which finds one of its
    # two; the other goes to species 2, which finds its only row.
    found = evaluated([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2])
    assert 6 == found.rows
    assert 4 / 6 == found.accuracy
    assert ((2, 1, 0), (0, 1, 1), (0, 0, 1)) == found.confusion
    assert found.species == {
        "species 0": SpeciesScore(precision=2 / 2, recall=2 / 3, f1=4 / 5, rows=3),
        "species 1": SpeciesScore(precision=1 / 2, recall=1 / 2, f1=1 / 2, rows=2),
        "species 2": SpeciesScore(precision=1 / 2, recall=1 / 1, f1=2 / 3, rows=1),
    }


def test_the_squared_error_of_a_row_is_half_the_sum_over_its_outputs() -> None:
    outputs, targets = np.array([[0.5, 0.0, 1.0], [0.1, 0.2, 0.3]]), np.array([[1.0, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(squared_error(outputs, targets), [(0.25 + 0 + 1) / 2, (0.01 + 0.04 + 0.49) / 2])


def test_the_cross_entropy_of_a_row_is_minus_the_logarithm_of_its_targets_output() -> None:
    outputs, targets = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]), np.array([[0.0, 1, 0], [0, 0, 1]])
    np.testing.assert_allclose(cross_entropy(outputs, targets), [np.log(4), -np.log(0.7)])


def test_the_loss_of_an_evaluation_is_that_of_the_networks_scores() -> None:
    table = dataset([0, 1, 2], X=np.eye(4)[[0, 1, 2]])
    high, low = 1 / (1 + np.exp(-1)), 0.5
    expected = ((1 - high) ** 2 + 2 * low**2) / 2
    assert evaluate(echo(3), table).loss == pytest.approx(expected, rel=1e-14)


def test_the_loss_of_a_softmax_network_is_its_log_loss() -> None:
    softmax = network(Hyperparameters((5,), output=Output.SOFTMAX))
    found = evaluate(softmax, dataset([0, 1, 2, 2]))
    assert found.loss == pytest.approx(found.log_loss, rel=1e-14)


def test_accuracy_is_the_share_of_rows_whose_largest_output_is_the_label() -> None:
    assert 0.5 == accuracy(np.array([[0.1, 0.2], [0.9, 0.8], [0.0, 0.1], [0.7, 0.6]]), np.array([1, 0, 0, 1]))


def test_confusion_counts_true_labels_down_and_predicted_ones_across() -> None:
    matrix = confusion_matrix(np.array([0, 0, 1]), np.array([1, 1, 0]), species_count=3)
    assert [[0, 2, 0], [1, 0, 0], [0, 0, 0]] == matrix.tolist()


@pytest.mark.parametrize("never", [None, 0, 2], ids=["all predicted", "first never predicted", "last never predicted"])
@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scikit_learn(seed: int, never: int | None) -> None:
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(3, size=60), rng.integers(3, size=60)
    predicted[predicted == never] = 1
    found = evaluated(labels.tolist(), predicted.tolist())

    assert metrics.accuracy_score(labels, predicted) == pytest.approx(found.accuracy)
    np.testing.assert_array_equal(metrics.confusion_matrix(labels, predicted, labels=range(3)), found.confusion)
    expected = metrics.precision_recall_fscore_support(labels, predicted, labels=range(3), zero_division=0)
    scores = [(score.precision, score.recall, score.f1, score.rows) for score in found.species.values()]
    np.testing.assert_allclose(np.transpose(expected), scores, rtol=1e-12)


def test_a_species_without_rows_scores_0_and_not_nothing() -> None:
    table = dataset([0, 0, 2], X=np.eye(4)[[0, 0, 2]])
    assert evaluate(echo(3), table).species["species 1"] == SpeciesScore(precision=0, recall=0, f1=0, rows=0)


# Scores as probabilities.


def judged(rows: int, seed: int) -> tuple[Evaluation, Array, NDArray[np.int64]]:
    """An evaluation, and the shares and labels that it is of."""
    rng = np.random.default_rng(seed)
    net = network(Hyperparameters((5,), output=list(Output)[seed % 2]), seed)
    table = dataset([0, 1, 2, *rng.integers(3, size=rows - 3).tolist()], X=rng.normal(scale=3, size=(rows, 4)))
    return evaluate(net, table), probabilities(net.scores(table.X)), table.labels


@pytest.mark.parametrize("seed", range(4))
def test_log_loss_and_brier_score_are_those_of_scikit_learn(seed: int) -> None:
    found, shares, labels = judged(60, seed)
    assert metrics.log_loss(labels, shares) == pytest.approx(found.log_loss, rel=1e-12)
    # Of several species scikit-learn sums over them too, unless it is told to halve that.
    theirs = metrics.brier_score_loss(labels, shares, labels=[0, 1, 2], scale_by_half=False)
    assert theirs == pytest.approx(found.brier_score, rel=1e-12)


def test_perfect_probabilities_have_no_error_and_even_ones_that_of_guessing() -> None:
    table = dataset([0, 1, 2], X=np.eye(4)[:3])
    sure = Network(np.zeros(4), np.ones(4), (1e3 * np.eye(3, 4),), (np.zeros(3),), output="softmax")
    found = evaluate(sure, table)
    assert (0.0, 0.0, 0.0) == (found.log_loss, found.brier_score, found.calibration_error)
    unsure = evaluate(Network(np.zeros(4), np.ones(4), (np.zeros((3, 4)),), (np.zeros(3),)), table)
    assert [np.log(3), 2 / 3] == pytest.approx([unsure.log_loss, unsure.brier_score])


def test_probabilities_that_are_surely_wrong_have_a_finite_log_loss() -> None:
    table = dataset([1, 2, 0], X=np.eye(4)[:3])
    sure = Network(np.zeros(4), np.ones(4), (1e4 * np.eye(3, 4),), (np.zeros(3),), output="softmax")
    found = evaluate(sure, table)
    assert [300 * np.log(10), 2.0, 1.0] == pytest.approx([found.log_loss, found.brier_score, found.calibration_error])


def test_scores_that_are_all_0_are_evaluated_as_guesses() -> None:
    nothing = Network(np.zeros(4), np.ones(4), (np.zeros((3, 4)),), (np.full(3, -1e4),))
    found = evaluate(nothing, dataset([0, 1, 2, 0]))
    assert [np.log(3), 2 / 3] == pytest.approx([found.log_loss, found.brier_score])
    assert 0.5 - 1 / 3 == pytest.approx(found.calibration_error)


def test_the_calibration_error_is_as_by_hand() -> None:
    # By tenths: two rows at 0.65 and 0.69 of which one is right, 2 |0.67 - 0.5| = 0.34; one at 0.7,
    # which begins a tenth, and is right, 0.3; one at 1, which is in the last tenth, and is wrong, 1.
    shares = np.array([[0.65, 0.35], [0.31, 0.69], [0.7, 0.3], [0.0, 1.0]])
    assert (0.34 + 0.3 + 1) / 4 == pytest.approx(calibration_error(shares, np.array([0, 0, 0, 0])))


@pytest.mark.parametrize("seed", range(4))
def test_the_calibration_error_is_that_of_its_definition(seed: int) -> None:
    found, shares, labels = judged(200, seed)
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == labels
    expected = 0.0
    for tenth in range(10):
        inside = (confidence >= tenth / 10) & ((confidence < (tenth + 1) / 10) | (tenth == 9))
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert expected == pytest.approx(found.calibration_error, rel=1e-12)
    assert 0 < expected < 1


def test_many_rows_are_scored_some_at_a_time_as_they_are_all_at_once() -> None:
    X = np.random.default_rng(0).normal(size=(150_001, 4))
    net = network(Hyperparameters((5,), output=Output.SOFTMAX))
    np.testing.assert_allclose(scores_of(net, X), net.scores(X), rtol=1e-13)
