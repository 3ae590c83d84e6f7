import numpy as np
import pytest
from sklearn import metrics

from model.evaluation import Evaluation, SpeciesScore, accuracy, confusion_matrix, evaluate, loss
from model.network import Network
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


def test_the_loss_is_the_mean_over_rows_of_half_the_squared_error() -> None:
    outputs, targets = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    assert ((0.25 + 0.25) / 2 + (1 + 1) / 2) / 2 == loss(outputs, targets)


def test_the_loss_of_an_evaluation_is_that_of_the_networks_scores() -> None:
    table = dataset([0, 1, 2], X=np.eye(4)[[0, 1, 2]])
    high, low = 1 / (1 + np.exp(-1)), 0.5
    expected = ((1 - high) ** 2 + 2 * low**2) / 2
    assert evaluate(echo(3), table).loss == pytest.approx(expected, rel=1e-14)


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
