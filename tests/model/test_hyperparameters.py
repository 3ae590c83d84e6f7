from typing import Any

import pytest

from model.errors import HyperparameterError
from model.hyperparameters import MAX_SEED, Hyperparameters, draw_seed


def test_the_defaults_are_the_tutorials_but_standardised() -> None:
    assert Hyperparameters((5, 10), 0.15, 100, standardize=True, seed=0) == Hyperparameters()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden_layers", ()),
        ("hidden_layers", (1,) * 8),
        ("hidden_layers", (512,)),
        ("learning_rate", 5e-324),
        ("learning_rate", 10.0),
        ("epochs", 1),
        ("epochs", 10_000),
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
        ("learning_rate", 0.0, "above 0 and at most 10"),
        ("learning_rate", -0.15, "above 0 and at most 10"),
        ("learning_rate", 10.000001, "above 0 and at most 10"),
        ("learning_rate", float("inf"), "above 0 and at most 10"),
        ("learning_rate", float("nan"), "above 0 and at most 10"),
        ("epochs", 0, "from 1 to 10000"),
        ("epochs", 10_001, "from 1 to 10000"),
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


def test_drawn_seeds_are_within_their_limits_and_differ() -> None:
    seeds = {draw_seed() for _ in range(100)}
    assert all(0 <= seed <= MAX_SEED for seed in seeds)
    assert len(seeds) > 90
