"""A warm start: which models may be gone on from, and what comes of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from model.artifact import Artifact, decode, encode
from model.dataset import Dataset
from model.errors import TrainingError
from model.hyperparameters import Activation, Hyperparameters, Optimizer, Output
from model.incumbent import Incumbent
from model.pipeline import Circumstances, train
from tests.model.learning import flat

BEGUN = Hyperparameters((3,), epochs=4)
FURTHER = replace(BEGUN, epochs=5, warm_start=True)


@pytest.fixture(scope="module")
def ancestor(iris: Dataset) -> Incumbent:
    return Incumbent("20261124T000000000000Z-0123456789abcdef", train(iris, BEGUN)[0])


def continued(table: Dataset, recipe: Hyperparameters, ancestor: Incumbent | None) -> Artifact:
    return train(table, recipe, circumstances=Circumstances(ancestor=ancestor))[0]


def test_training_goes_on_from_the_current_model_as_if_it_had_never_stopped(iris: Dataset, ancestor: Incumbent) -> None:
    found = continued(iris, FURTHER, ancestor)
    assert flat(train(iris, replace(BEGUN, epochs=9))[0].network) == flat(found.network)


def test_the_card_names_the_model_that_it_goes_on_from(iris: Dataset, ancestor: Incumbent) -> None:
    found = continued(iris, FURTHER, ancestor)
    assert ancestor.version == found.card.ancestor
    assert found.card == decode(encode(found)).card
    assert FURTHER == found.card.hyperparameters


def test_the_ancestor_stays_as_it_was(iris: Dataset, ancestor: Incumbent) -> None:
    before = encode(ancestor.artifact)
    continued(iris, FURTHER, ancestor)
    assert before == encode(ancestor.artifact)


def test_the_same_warm_start_gives_the_same_bytes(iris: Dataset, ancestor: Incumbent) -> None:
    assert encode(continued(iris, FURTHER, ancestor)) == encode(continued(iris, FURTHER, ancestor))


def test_new_rows_are_read_on_the_scale_of_the_current_model(iris: Dataset, ancestor: Incumbent) -> None:
    shifted = replace(iris, X=iris.X + 1)
    found, begun = continued(shifted, FURTHER, ancestor), ancestor.artifact.network
    assert (begun.mean.tolist(), begun.scale.tolist()) == (found.network.mean.tolist(), found.network.scale.tolist())
    means = list(found.card.feature_means.values())
    np.testing.assert_allclose(means, np.array(list(ancestor.artifact.card.feature_means.values())) + 1)


@pytest.mark.parametrize(
    "changed",
    [
        {"learning_rate": 0.01},
        {"learning_rate": 0.01, "optimizer": Optimizer.ADAM},
        {"batch_size": 10, "momentum": 0.5, "l2": 0.01},
        {"seed": 5},
        {"patience": 1},
    ],
    ids="-".join,
)
def test_how_it_learns_may_differ_from_how_the_current_model_learned(
    iris: Dataset, ancestor: Incumbent, changed: dict[str, Any]
) -> None:
    assert ancestor.version == continued(iris, replace(FURTHER, **changed), ancestor).card.ancestor


@pytest.mark.parametrize(
    ("changed", "expected", "found"),
    [
        ({"hidden_layers": (4,)}, "(3,)", "(4,)"),
        ({"hidden_layers": ()}, "(3,)", "()"),
        ({"activation": Activation.TANH}, "sigmoid", "tanh"),
        ({"output": Output.SOFTMAX}, "sigmoid", "softmax"),
        ({"standardize": False}, "True", "False"),
    ],
    ids=str,
)
def test_a_recipe_for_another_network_is_refused(
    iris: Dataset, ancestor: Incumbent, changed: dict[str, Any], expected: str, found: str
) -> None:
    [field] = changed
    with pytest.raises(TrainingError) as caught:
        continued(iris, replace(FURTHER, **changed), ancestor)
    assert f"warm_start: expected the current model's {field}, {expected}, found {found}" == str(caught.value)


@pytest.mark.parametrize("species", [("a", "b", "c"), ("Iris-setosa", "Iris-virginica", "Iris-versicolor")], ids=str)
def test_a_table_of_other_species_is_refused(iris: Dataset, ancestor: Incumbent, species: tuple[str, ...]) -> None:
    with pytest.raises(TrainingError) as caught:
        continued(replace(iris, species=species), FURTHER, ancestor)
    known = "Iris-setosa, Iris-versicolor, Iris-virginica"
    assert f"warm_start: expected the current model's species, {known}" == str(caught.value)


def test_without_a_current_model_there_is_nothing_to_go_on_from(iris: Dataset) -> None:
    with pytest.raises(TrainingError) as caught:
        continued(iris, FURTHER, None)
    assert "warm_start: there is no current model to go on from" == str(caught.value)


def test_without_a_warm_start_the_current_model_is_left_aside(iris: Dataset, ancestor: Incumbent) -> None:
    assert flat(train(iris, BEGUN)[0].network) == flat(continued(iris, BEGUN, ancestor).network)


def test_a_model_that_begins_anew_has_no_ancestor(iris: Dataset, ancestor: Incumbent) -> None:
    assert continued(iris, BEGUN, ancestor).card.ancestor is None
