from dataclasses import replace
from typing import Any

import pytest

from model.errors import HyperparameterError
from model.hyperparameters import (
    MAX_SEED,
    Activation,
    CrossValidationPlan,
    Hyperparameters,
    InitialWeights,
    Optimizer,
    Output,
    draw_seed,
)

ADAM = {"optimizer": Optimizer.ADAM, "learning_rate": 0.01}
WARM = {"warm_start": True}
NAN, INFINITY = float("nan"), float("inf")


def test_the_defaults_are_the_tutorials_but_standardised() -> None:
    tutorials = Hyperparameters(
        hidden_layers=(5, 10),
        activation=Activation.SIGMOID,
        output=Output.SIGMOID,
        initial_weights=InitialWeights.UNIFORM,
        optimizer=Optimizer.SGD,
        learning_rate=0.15,
        learning_rate_decay=0.0,
        momentum=0.0,
        batch_size=1,
        epochs=100,
        patience=None,
        l2=0.0,
        class_weight=None,
        standardize=True,
        restarts=1,
        warm_start=False,
        seed=0,
    )
    assert tutorials == Hyperparameters()


def test_all_starts_together_take_as_many_epochs_as_each_times_their_number() -> None:
    assert 600 == Hyperparameters(epochs=200, restarts=3).total_epochs


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden_layers", ()),
        ("hidden_layers", (1,) * 8),
        ("hidden_layers", (512,)),
        ("learning_rate", 5e-324),
        ("learning_rate", 10.0),
        ("learning_rate_decay", 0.0),
        ("learning_rate_decay", 10.0),
        ("momentum", 0.0),
        ("momentum", 0.9999999999999999),
        ("batch_size", 1),
        ("batch_size", 10_000),
        ("epochs", 1),
        ("epochs", 10_000),
        ("patience", None),
        ("patience", 1),
        ("patience", 10_000),
        ("l2", 0.0),
        ("l2", 1.0),
        ("restarts", 1),
        ("restarts", 100),
        ("seed", 0),
        ("seed", 2**32 - 1),
    ],
)
def test_a_value_at_its_limit_is_accepted(field: str, value: object) -> None:
    changed: dict[str, Any] = {field: value}
    assert value == getattr(Hyperparameters(**changed), field)


@pytest.mark.parametrize(
    ("field", "value", "limit"),
    [
        ("hidden_layers", (1,) * 9, "at most 8 layers"),
        ("hidden_layers", (5, 0), "sizes from 1 to 512"),
        ("hidden_layers", (-1,), "sizes from 1 to 512"),
        ("hidden_layers", (513,), "sizes from 1 to 512"),
        *(("learning_rate", rate, "above 0 and at most 10") for rate in (0.0, -0.15, 10.000001, INFINITY, NAN)),
        *(("learning_rate_decay", decay, "from 0 to 10") for decay in (-1e-9, 10.000001, INFINITY, NAN)),
        *(("momentum", share, "from 0 to less than 1") for share in (-0.1, 1.0, INFINITY, NAN)),
        *(("batch_size", rows, "from 1 to 10000") for rows in (-1, 0, 10_001)),
        *(("epochs", epochs, "from 1 to 10000") for epochs in (0, 10_001)),
        *(("patience", epochs, "from 1 to 10000") for epochs in (-1, 0, 10_001)),
        *(("l2", penalty, "from 0 to 1") for penalty in (-1e-9, 1.000001, INFINITY, NAN)),
        *(("restarts", starts, "from 1 to 10000") for starts in (-1, 0, 10_001)),
        ("seed", -1, "from 0 to 4294967295"),
        ("seed", 2**32, "from 0 to 4294967295"),
    ],
)
def test_a_value_beyond_its_limit_is_refused_and_named(field: str, value: object, limit: str) -> None:
    changed: dict[str, Any] = {field: value}
    with pytest.raises(HyperparameterError) as caught:
        Hyperparameters(**changed)
    assert field == caught.value.field
    assert f"{field}: expected {limit}" == str(caught.value)


COMBINATIONS: dict[str, tuple[dict[str, Any], str, str]] = {
    "long steps of adam": (
        ADAM | {"learning_rate": 0.15},
        "learning_rate",
        "at most 0.1 with adam; 0.001 is usual",
    ),
    "momentum with adam": (ADAM | {"momentum": 0.9}, "momentum", "0 with adam, which has its own"),
    "a penalty that overshoots": (
        {"learning_rate": 2.0, "l2": 0.5},
        "l2",
        "less than 1 / learning_rate, else a step overshoots",
    ),
    "too many epochs in all": (
        {"epochs": 5_001, "restarts": 2},
        "restarts",
        "restarts times epochs at most 10000",
    ),
    "a warm start begun anew": (WARM | {"restarts": 2}, "restarts", "1 with warm_start, which has but one beginning"),
    "a warm start from drawn weights": (
        WARM | {"initial_weights": InitialWeights.HE},
        "initial_weights",
        "none with warm_start: the current model's are taken",
    ),
}


@pytest.mark.parametrize(("chosen", "field", "mend"), COMBINATIONS.values(), ids=COMBINATIONS)
def test_a_combination_that_makes_no_sense_is_refused_with_the_mend(
    chosen: dict[str, Any], field: str, mend: str
) -> None:
    with pytest.raises(HyperparameterError) as caught:
        Hyperparameters(**chosen)
    assert field == caught.value.field
    assert f"{field}: expected {mend}" == str(caught.value)


@pytest.mark.parametrize(
    "chosen",
    [
        ADAM | {"learning_rate": 0.1},
        ADAM | {"l2": 1.0},
        {"learning_rate": 1.99, "l2": 0.5},
        {"momentum": 0.9},
        {"epochs": 5_000, "restarts": 2},
        WARM,
        WARM | {"patience": 3},
        {"initial_weights": InitialWeights.GLOROT, "restarts": 3},
    ],
)
def test_what_stands_beside_a_refused_combination_is_accepted(chosen: dict[str, Any]) -> None:
    assert Hyperparameters(**chosen) == replace(Hyperparameters(), **chosen)


@pytest.mark.parametrize(("folds", "repeats"), [(2, 1), (20, 20)])
def test_a_plan_of_cross_validation_at_its_limits_is_accepted(folds: int, repeats: int) -> None:
    plan = CrossValidationPlan(folds, repeats)
    assert (folds, repeats) == (plan.folds, plan.repeats)


@pytest.mark.parametrize(
    ("folds", "repeats", "field", "limit"),
    [
        (1, 1, "folds", "from 2 to 20"),
        (21, 1, "folds", "from 2 to 20"),
        (5, 0, "repeats", "from 1 to 20"),
        (5, 21, "repeats", "from 1 to 20"),
    ],
)
def test_a_plan_of_cross_validation_beyond_its_limits_is_refused_and_named(
    folds: int, repeats: int, field: str, limit: str
) -> None:
    with pytest.raises(HyperparameterError) as caught:
        CrossValidationPlan(folds, repeats)
    assert f"cross_validation.{field}" == caught.value.field
    assert f"cross_validation.{field}: expected {limit}" == str(caught.value)


def test_drawn_seeds_are_within_their_limits_and_differ() -> None:
    seeds = {draw_seed() for _ in range(100)}
    assert all(0 <= seed <= MAX_SEED for seed in seeds)
    assert len(seeds) > 90
