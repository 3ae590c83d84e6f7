"""A candidate against a floor, against the current model, and against other species."""

from pathlib import Path

import numpy as np
import pytest

from model.artifact import FORMAT, Artifact, Card, DatasetReference, SelfTest
from model.dataset import Dataset
from model.evaluation import EpochScore, Evaluations, evaluate
from model.features import FEATURES
from model.gate import judge
from model.hyperparameters import Hyperparameters
from model.network import Network
from model.run import Terms

SPECIES = ("no", "yes")
TERMS = Terms(table=Path("unread.csv"), min_accuracy=0.5, tolerance=0.25)


def that_knows(rows: int, species: tuple[str, ...] = SPECIES) -> Artifact:
    """A model that says yes to the first rows of an exam, as many as given, and no to the others."""
    # Rows are numbered from 1 by their first feature: yes is likelier than no up to the given one.
    weights, biases = np.zeros((2, 4)), np.array([0.0, rows + 0.5])
    weights[1, 0] = -1
    network = Network(np.zeros(4), np.ones(4), (weights,), (biases,))
    unread = evaluate(network, exam(2))
    card = Card(
        format=FORMAT,
        species=species,
        layer_sizes=network.layer_sizes,
        feature_means=dict.fromkeys(FEATURES, 10.0),
        feature_ranges=dict.fromkeys(FEATURES, (1.0, 20.0)),
        hyperparameters=Hyperparameters(hidden_layers=()),
        dataset=DatasetReference("made up", 20, "0" * 64),
        split_seed=0,
        ancestor=None,
        kept=EpochScore(1, 0.5, 0.5, 0.5, 0.5),
        evaluation=Evaluations(unread, unread, unread),
        self_test=SelfTest((1, 1, 1, 1), tuple(network.scores(np.ones(4)).tolist())),
    )
    return Artifact(network, card)


def exam(rows: int = 20, name: str = "garden", species: tuple[str, ...] = SPECIES) -> Dataset:
    """Rows that are all of the species yes."""
    X = np.ones((rows, 4))
    X[:, 0] = np.arange(1, rows + 1)
    return Dataset(name, "0" * 64, species, X, np.ones(rows, dtype=np.int64))


# The floor.


@pytest.mark.parametrize("current", [None, that_knows(0), that_knows(20)], ids=["no model", "worse", "better"])
def test_a_model_below_the_floor_is_refused_whatever_serves(current: Artifact | None) -> None:
    verdict = judge(that_knows(9), current, [exam()], TERMS)
    assert not verdict.promote
    expected = "Accuracy 0.450 on 20 rows of garden that were held back; at least 0.5 is needed."
    assert expected == verdict.reason


def test_a_model_exactly_at_the_floor_is_let_in() -> None:
    assert judge(that_knows(10), None, [exam()], TERMS).promote


def test_where_no_model_serves_the_floor_is_all_there_is() -> None:
    verdict = judge(that_knows(15), None, [exam()], TERMS)
    assert verdict.promote
    assert "Accuracy 0.750 on 20 rows of garden that were held back." == verdict.reason


def test_a_floor_of_0_refuses_nothing() -> None:
    assert judge(that_knows(0), None, [exam()], Terms(Path("unread.csv"), min_accuracy=0)).promote


# The current model.


@pytest.mark.parametrize(("rows", "told"), [(20, "1.000"), (18, "0.900"), (15, "0.750")], ids=["better", "as", "worst"])
def test_a_model_that_loses_no_more_than_it_may_is_let_in(rows: int, told: str) -> None:
    verdict = judge(that_knows(rows), that_knows(18), [exam()], TERMS)
    assert verdict.promote
    expected = f"Accuracy {told} on 20 rows of garden that were held back; the current model has 0.900."
    assert expected == verdict.reason


def test_a_model_that_loses_exactly_what_it_may_is_let_in() -> None:
    assert judge(that_knows(10), that_knows(15), [exam()], TERMS).promote


def test_a_model_that_loses_one_row_more_than_it_may_is_refused() -> None:
    verdict = judge(that_knows(14), that_knows(20), [exam()], TERMS)
    assert not verdict.promote
    assert (
        "Accuracy 0.700 on 20 rows of garden that were held back; the current model has 1.000, "
        "of which at most 0.25 may be lost."
    ) == verdict.reason


def test_the_edge_is_exact_though_decimal_fractions_are_not() -> None:
    """The floats 8 / 20 - 0.05 and 7 / 20 differ in their last bit; the accuracies do not."""
    terms = Terms(Path("unread.csv"), min_accuracy=0, tolerance=0.05)
    refused = [
        had for had in range(1, 21) if not judge(that_knows(had - 1), that_knows(had), [exam(20)], terms).promote
    ]
    assert [] == refused


def test_a_tolerance_of_0_lets_in_what_is_as_good() -> None:
    terms = Terms(Path("unread.csv"), min_accuracy=0, tolerance=0)
    assert judge(that_knows(7), that_knows(7), [exam()], terms).promote
    assert not judge(that_knows(6), that_knows(7), [exam()], terms).promote


# Other species.


@pytest.mark.parametrize(
    ("told", "known"),
    [(("no", "yes"), ("maybe", "no")), (("no", "yes"), ("yes", "no"))],
    ids=["others", "in another order"],
)
def test_a_model_of_other_species_is_refused_however_good_and_the_mend_is_told(
    told: tuple[str, ...], known: tuple[str, ...]
) -> None:
    verdict = judge(that_knows(20, told), that_knows(0, known), [exam(species=told)], TERMS)
    assert not verdict.promote
    told_first = f"It tells {', '.join(told)}, the current model {', '.join(known)}"
    assert f"{told_first}: promote it if that is meant." == verdict.reason


def test_exams_of_other_species_are_left_out() -> None:
    exams = [exam(name="foreign", species=("a", "b")), exam(name="own")]
    verdict = judge(that_knows(20), that_knows(20), exams, TERMS)
    assert verdict.promote
    expected = "Accuracy 1.000 on 20 rows of own that were held back; the current model has 1.000."
    assert expected == verdict.reason
    assert not judge(that_knows(0), None, exams, TERMS).promote


# Two exams.


@pytest.mark.parametrize("failing", [0, 1], ids=["first", "second"])
def test_both_exams_must_be_passed_and_the_one_that_was_not_is_told(failing: int) -> None:
    # Of the short exam every row is known and of the long one too few.
    exams = [exam(10, "short")]
    exams.insert(failing, exam(40, "long"))
    verdict = judge(that_knows(10), None, exams, TERMS)
    assert not verdict.promote
    assert "Accuracy 0.250 on 40 rows of long that were held back; at least 0.5 is needed." == verdict.reason


def test_the_current_model_is_compared_on_each_exam() -> None:
    # The floor is reached on both, but too much is lost on the long one.
    verdict = judge(that_knows(20), that_knows(40), [exam(10, "short"), exam(40, "long")], TERMS)
    assert not verdict.promote
    assert "rows of long that were held back; the current model has 1.000, of which" in verdict.reason


def test_of_two_exams_that_are_passed_both_are_told() -> None:
    verdict = judge(that_knows(9), that_knows(8), [exam(10, "short"), exam(12, "long")], TERMS)
    assert verdict.promote
    assert (
        "Accuracy 0.900 on 10 rows of short that were held back; the current model has 0.800. "
        "Accuracy 0.750 on 12 rows of long that were held back; the current model has 0.667."
    ) == verdict.reason
