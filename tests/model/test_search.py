"""The search: which recipes are tried, how they are ranked, and what becomes of the best."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import log

import numpy as np
import pytest

from model.crossvalidation import cross_validate
from model.dataset import Dataset
from model.hyperparameters import Activation, CrossValidationPlan, Hyperparameters, Optimizer, Output
from model.pipeline import SPLIT_SEED
from model.search import Range, Trial, drawn, every, main, ranked, recipes_of, search
from model.store import Store
from tests.model.tables import IRIS

BRIEF = Hyperparameters(epochs=3, hidden_layers=(4,))
PLAN = CrossValidationPlan(folds=3)
Capture = pytest.CaptureFixture[str]
Search = Callable[..., int]


@pytest.fixture
def searching(store: Store) -> Search:
    """The script with recipes that take no time, unless an argument says otherwise."""

    def call(*arguments: str) -> int:
        brief = ["--epochs", "3", "--folds", "2", "--repeats", "1", "--processes", "1", "--seed", "0"]
        return main(["--data", str(IRIS), "--artifacts", str(store.root), *brief, *arguments])

    return call


def test_a_grid_is_every_combination() -> None:
    assert [
        {"epochs": 1, "l2": 0.1},
        {"epochs": 1, "l2": 0.2},
        {"epochs": 2, "l2": 0.1},
        {"epochs": 2, "l2": 0.2},
    ] == list(every({"epochs": [1, 2], "l2": [0.1, 0.2]}))


def test_draws_are_from_the_values_and_from_every_order_of_magnitude_of_a_range() -> None:
    choices = {"epochs": [1, 2], "learning_rate": Range(0.001, 1.0)}
    draws = list(drawn(choices, 3000, np.random.default_rng(0)))
    rates = np.array([draw["learning_rate"] for draw in draws])

    assert {1, 2} == {draw["epochs"] for draw in draws}
    assert 0.001 <= rates.min() < rates.max() <= 1.0
    shares = np.histogram(rates, bins=[0.001, 0.01, 0.1, 1.0])[0] / len(rates)
    np.testing.assert_allclose(shares, 1 / 3, atol=0.04)


def test_the_same_seed_draws_the_same_recipes() -> None:
    first, again, other = (list(drawn({"l2": Range(0.001, 0.1)}, 5, np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert first == again != other


def test_combinations_that_make_no_sense_are_left_out() -> None:
    choices = every({"optimizer": [Optimizer.SGD, Optimizer.ADAM], "momentum": [0.0, 0.9]})
    recipes = recipes_of(Hyperparameters(learning_rate=0.01), choices)

    assert [(Optimizer.SGD, 0.0), (Optimizer.SGD, 0.9), (Optimizer.ADAM, 0.0)] == [
        (recipe.optimizer, recipe.momentum) for _, recipe in recipes
    ]


def test_each_recipe_is_cross_validated_on_the_same_folds(iris: Dataset) -> None:
    recipes = recipes_of(BRIEF, every({"activation": [Activation.TANH, Activation.RELU]}))
    with ThreadPoolExecutor() as executor:
        trials = {trial.recipe: trial.found for trial in search(iris, recipes, PLAN, executor)}

    assert trials == {recipe: cross_validate(iris, recipe, PLAN, SPLIT_SEED) for _, recipe in recipes}


def test_a_recipe_whose_loss_diverges_is_no_reason_to_stop(iris: Dataset) -> None:
    wild = every({"activation": [Activation.RELU], "learning_rate": [10.0], "l2": [0.09], "output": [Output.SOFTMAX]})
    recipes = recipes_of(Hyperparameters(hidden_layers=(64, 64, 64), momentum=0.99), wild)
    with ThreadPoolExecutor() as executor:
        [trial] = search(iris, recipes, PLAN, executor)

    assert trial.found is None
    assert [] == ranked([trial])


def test_the_most_accurate_is_the_first_and_among_equals_the_smallest(iris: Dataset) -> None:
    good, poor = (cross_validate(iris, Hyperparameters(epochs=n), PLAN, 0) for n in (40, 1))
    assert good.mean > poor.mean
    small, large = Hyperparameters(hidden_layers=(2,)), Hyperparameters(hidden_layers=(9,))
    trials = [Trial({}, small, poor), Trial({}, large, good), Trial({}, small, good)]

    assert [trials[2], trials[1], trials[0]] == ranked(trials)


def test_the_table_ranks_the_recipes(searching: Search, capsys: Capture, store: Store) -> None:
    assert 0 == searching("--vary", "hidden_layers=4,5-6", "learning_rate=0.01,0.5")
    head, heading, *rows = capsys.readouterr().out.splitlines()

    assert "iris: 150 rows; 4 recipes, 2 folds, 1 repeats" == head
    assert ["rank", "accuracy", "95", "%", "interval", "deviation", "recipe"] == heading.split()
    means = [float(row.split()[1]) for row in rows]
    assert sorted(means, reverse=True) == means
    assert {"4", "5-6"} == {re.search(r"hidden_layers=(\S+)", row)[1] for row in rows}  # type: ignore[index]
    assert not store.root.exists()


def test_without_a_word_a_grid_of_its_own_is_searched(searching: Search, capsys: Capture) -> None:
    assert 0 == searching("--epochs", "1")
    assert "72 recipes" in capsys.readouterr().out


def test_what_goes_with_the_values_that_are_tried_need_not_go_with_the_defaults(searching: Search) -> None:
    assert 0 == searching("--optimizer", "adam", "--vary", "learning_rate=0.001,0.01")


def test_ranges_are_drawn_from(searching: Search, capsys: Capture) -> None:
    assert 0 == searching("--draws", "3", "--vary", "learning_rate=0.01..0.3")
    rates = [float(rate) for rate in re.findall(r"learning_rate=(\S+)", capsys.readouterr().out)]

    assert 3 == len(set(rates))
    assert all(log(0.01) <= log(rate) <= log(0.3) for rate in rates)


def test_the_best_is_trained_and_stored_on_request_and_judged_by_the_gate(
    searching: Search, capsys: Capture, store: Store
) -> None:
    assert 0 == searching("--vary", "hidden_layers=3,4", "--store")
    [version] = store.versions()
    best = re.search(r"   1 .* hidden_layers=(\d)", capsys.readouterr().out)

    assert best
    assert (int(best[1]),) == store.model(version).card.hyperparameters.hidden_layers
    assert store.current() is None  # three epochs are not enough for the gate


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--vary", "colour=1"], "'1' is no value of colour"),
        (["--vary", "learning_rate=fast"], "'fast' is no value of learning_rate"),
        (["--vary", "learning_rate=0.1..0.3"], "learning_rate: a range needs --draws"),
        (["--vary", "learning_rate=0.3..0.1"], "expected a range of a fractional hyperparameter, above 0"),
        (["--vary", "epochs=1..9", "--draws", "2"], "expected a range of a fractional hyperparameter, above 0"),
        (["--vary", "learning_rate=0..1", "--draws", "2"], "expected a range of a fractional hyperparameter, above 0"),
        (["--vary", "epochs=0"], "epochs: expected from 1 to 10000"),
        (
            ["--vary", "warm_start=false,true", "restarts=2", "--draws", "-1"],
            "no combination of these values makes a recipe",
        ),
        (["--folds", "1"], "cross_validation.folds: expected from 2 to 20"),
        (["--data", "nowhere.csv"], "nowhere.csv: the file cannot be read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_searched_is_refused_in_one_line(
    searching: Search, capsys: Capture, arguments: list[str], found: str
) -> None:
    assert 2 == searching(*arguments)
    printed = capsys.readouterr()
    assert printed.err.startswith("model.search: error: ")
    assert found in printed.err
    assert 1 == len(printed.err.splitlines())


def test_fewer_processes_than_one_are_refused(searching: Search, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        searching("--processes", "0")
    assert 2 == caught.value.code
    assert "argument --processes: expected 1 or more" in capsys.readouterr().err
