"""Cross-validation: how the rows are dealt, what is told of the folds, and how sure one may be."""

from dataclasses import replace
from statistics import mean, stdev
from typing import Any

import numpy as np
import pytest

from model.crossvalidation import _splits, cross_validate, wilson_interval
from model.dataset import Dataset, Split
from model.errors import TrainingError
from model.evaluation import accuracy
from model.hyperparameters import CrossValidationPlan, Hyperparameters, Optimizer, Output
from model.training import fit
from tests.model.tables import dataset

QUICK = Hyperparameters((3,), epochs=3)


def folds_of(table: Dataset, folds: int, seed: int = 0) -> list[Split]:
    return list(_splits(table, folds, np.random.default_rng(seed)))


def numbers(part: Dataset) -> list[int]:
    """The rows of a made-up table, which are numbered by their first feature."""
    return [int(number) for number in part.X[:, 0]]


UNEVEN = dataset([0] * 31 + [1] * 12 + [2] * 6)
SMALLEST = dataset([0] * 5 + [1] * 5)


@pytest.mark.parametrize("table", [UNEVEN, SMALLEST], ids=["49 rows", "10 rows"])
@pytest.mark.parametrize("folds", [2, 5, 10])
def test_every_row_is_tested_once_and_in_no_part_with_itself(table: Dataset, folds: int) -> None:
    splits = folds_of(table, folds)
    assert folds == len(splits)
    everything = list(range(len(table)))
    assert everything == sorted(number for split in splits for number in numbers(split.test))
    for split in splits:
        assert everything == sorted(n for p in (split.training, split.validation, split.test) for n in numbers(p))
        for part in (split.training, split.validation, split.test):
            assert table.labels[numbers(part)].tolist() == part.labels.tolist()


@pytest.mark.parametrize("folds", [2, 3, 5, 10, 20])
def test_folds_have_each_species_in_its_proportion_and_as_many_rows_to_one(folds: int) -> None:
    tests = [split.test for split in folds_of(UNEVEN, folds)]
    counts = np.array([np.bincount(test.labels, minlength=3) for test in tests])
    assert (counts.max(axis=0) - counts.min(axis=0)).max() <= 1
    assert counts.sum(axis=1).max() - counts.sum(axis=1).min() <= 1


@pytest.mark.parametrize("table", [UNEVEN, SMALLEST], ids=["49 rows", "10 rows"])
@pytest.mark.parametrize("folds", [2, 10])
def test_every_species_is_learned_and_watched_in_every_fold(table: Dataset, folds: int) -> None:
    for split in folds_of(table, folds):
        for part in (split.training, split.validation):
            assert set(range(len(table.species))) == set(part.labels.tolist())


def test_a_tenth_of_the_other_rows_is_watched_as_in_any_fit() -> None:
    sizes = [(len(split.training), len(split.validation), len(split.test)) for split in folds_of(UNEVEN, 5)]
    assert all(watched == -(-(learned + watched) // 10) for learned, watched, _ in sizes)


def test_rows_are_dealt_by_the_seed_and_otherwise_each_time_anew() -> None:
    rng = np.random.default_rng(0)
    first, second = ([numbers(split.test) for split in _splits(UNEVEN, 5, rng)] for _ in range(2))
    assert first != second
    assert first == [numbers(split.test) for split in folds_of(UNEVEN, 5, seed=0)]
    assert first != [numbers(split.test) for split in folds_of(UNEVEN, 5, seed=1)]


def test_rows_come_shuffled_and_not_by_species(iris: Dataset) -> None:
    for split in folds_of(iris, 3):
        assert sorted(split.training.labels) != split.training.labels.tolist()


# What is told.


def test_mean_deviation_and_interval_are_as_by_hand(iris: Dataset) -> None:
    found = cross_validate(iris, QUICK, CrossValidationPlan(folds=4, repeats=3), seed=5)
    rng = np.random.default_rng(5)
    tests, rights = [], []
    for split in (split for _ in range(3) for split in _splits(iris, 4, rng)):
        network = fit(split, QUICK).network
        rights.append(int(np.sum(network.predict(split.test.X) == split.test.labels)))
        tests.append(len(split.test))
    assert {37, 38} == set(tests)
    accuracies = [right / rows for right, rows in zip(rights, tests, strict=True)]
    assert (4, 3) == (found.folds, found.repeats)
    assert accuracies == pytest.approx(list(found.accuracies), rel=1e-15)
    assert sum(rights) / 450 == pytest.approx(found.mean, rel=1e-14)
    assert mean(accuracies) != pytest.approx(found.mean, rel=1e-6)  # folds are not all of one size
    assert stdev(accuracies) == pytest.approx(found.standard_deviation, rel=1e-12)
    assert wilson_interval(found.mean, 150) == found.interval


def test_a_recipe_that_knows_iris_is_right_nearly_always(iris: Dataset) -> None:
    recipe = Hyperparameters(output=Output.SOFTMAX, optimizer=Optimizer.ADAM, learning_rate=0.05, batch_size=16)
    found = cross_validate(iris, recipe, CrossValidationPlan(5, 2), seed=0)
    low, high = found.interval
    assert 0.9 < low < found.mean < high < 1
    assert found.standard_deviation < 0.1


@pytest.mark.parametrize(
    "recipe",
    [QUICK, replace(QUICK, restarts=2), replace(QUICK, epochs=50, patience=1, learning_rate=5.0)],
    ids=["plain", "restarts", "patience"],
)
def test_the_report_is_called_for_each_epoch_that_there_could_be(iris: Dataset, recipe: Hyperparameters) -> None:
    heard: list[Any] = []
    cross_validate(iris, recipe, CrossValidationPlan(folds=3, repeats=2), 0, heard.append)
    assert [None] * (3 * 2 * recipe.total_epochs) == heard


def test_a_fit_with_patience_is_scored_by_the_weights_that_it_keeps(iris: Dataset) -> None:
    recipe = replace(QUICK, epochs=50, patience=1, learning_rate=5.0)
    found = cross_validate(iris, recipe, CrossValidationPlan(folds=3), seed=0)
    for split, told in zip(folds_of(iris, 3), found.accuracies, strict=True):
        fitted = fit(split, recipe)
        assert len(fitted.history) < 50
        assert accuracy(fitted.network.scores(split.test.X), split.test.labels) == told


def test_the_same_seed_gives_the_same_answer_and_another_another(iris: Dataset) -> None:
    first, again, other = (cross_validate(iris, QUICK, CrossValidationPlan(), seed) for seed in (1, 1, 2))
    assert first == again
    assert first.accuracies != other.accuracies


def test_more_folds_than_rows_are_refused() -> None:
    cross_validate(SMALLEST, QUICK, CrossValidationPlan(folds=len(SMALLEST)), seed=0)
    with pytest.raises(TrainingError) as caught:
        cross_validate(SMALLEST, QUICK, CrossValidationPlan(folds=len(SMALLEST) + 1), seed=0)
    assert f"cross_validation: {len(SMALLEST) + 1} folds need as many rows, and there are {len(SMALLEST)}" == str(
        caught.value
    )


# The interval.


@pytest.mark.parametrize(
    ("right", "rows", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_that_of_published_examples(right: int, rows: int, low: float, high: float) -> None:
    """Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3."""
    assert (low, high) == tuple(round(bound, 4) for bound in wilson_interval(right / rows, rows))


def test_the_interval_of_wrong_answers_mirrors_that_of_right_ones() -> None:
    low, high = wilson_interval(0.9, 150)
    assert [1 - high, 1 - low] == pytest.approx(list(wilson_interval(0.1, 150)))


def test_the_interval_stays_within_0_and_1_and_has_a_width_though_all_rows_are_right() -> None:
    low, high = wilson_interval(1.0, 150)
    assert 0.97 < low < high == 1.0
    assert [0.0, 1 - low] == pytest.approx(list(wilson_interval(0.0, 150)))


def test_a_share_at_the_bounds_of_its_interval_is_as_far_from_it_as_normal_deviates_say() -> None:
    # The definition: the bounds p of a share s of n are the roots of |s - p| = z sqrt(p (1 - p) / n).
    for bound in wilson_interval(0.3, 40):
        assert abs(0.3 - bound) == pytest.approx(1.959963984540054 * (bound * (1 - bound) / 40) ** 0.5)
