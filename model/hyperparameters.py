"""The choices that a user has in training, and their limits."""

import secrets
from dataclasses import dataclass
from typing import Final

from model.errors import HyperparameterError

MAX_HIDDEN_LAYERS: Final = 8
MAX_LAYER_SIZE: Final = 512
MAX_LEARNING_RATE: Final = 10.0
MAX_EPOCHS: Final = 10_000
MAX_SEED: Final = 2**32 - 1


def draw_seed() -> int:
    """A fresh seed, for those who name none."""
    return secrets.randbelow(MAX_SEED + 1)


@dataclass(frozen=True)
class Hyperparameters:
    """The recipe of a training run; the defaults are the tutorial's, but for `standardize`.

    Attributes
    ----------
    hidden_layers : sizes of the layers between the four inputs and the species
    learning_rate : length of a step down the gradient
    epochs : passes over the training rows
    standardize : whether inputs are scaled to mean 0 and deviation 1 on the training rows
    seed : of the initial weights

    Raises
    ------
    HyperparameterError
        If one is out of its limits, naming it.
    """

    hidden_layers: tuple[int, ...] = (5, 10)
    learning_rate: float = 0.15
    epochs: int = 100
    standardize: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        sizes = self.hidden_layers
        limits = (
            ("hidden_layers", len(sizes) <= MAX_HIDDEN_LAYERS, f"at most {MAX_HIDDEN_LAYERS} layers"),
            ("hidden_layers", all(1 <= size <= MAX_LAYER_SIZE for size in sizes), f"sizes from 1 to {MAX_LAYER_SIZE}"),
            (
                "learning_rate",
                0 < self.learning_rate <= MAX_LEARNING_RATE,
                f"above 0 and at most {MAX_LEARNING_RATE:g}",
            ),
            ("epochs", 1 <= self.epochs <= MAX_EPOCHS, f"from 1 to {MAX_EPOCHS}"),
            ("seed", 0 <= self.seed <= MAX_SEED, f"from 0 to {MAX_SEED}"),
        )
        for field, kept, limit in limits:
            if not kept:
                raise HyperparameterError(field, f"expected {limit}")
