"""The choices that a user has in training, and their limits."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from model.errors import HyperparameterError

MAX_HIDDEN_LAYERS: Final = 8
MAX_LAYER_SIZE: Final = 512
MAX_LEARNING_RATE: Final = 10.0
MAX_ADAM_LEARNING_RATE: Final = 0.1
MAX_LEARNING_RATE_DECAY: Final = 10.0
MAX_BATCH_SIZE: Final = 10_000
MAX_EPOCHS: Final = 10_000  # of all restarts together
MAX_L2: Final = 1.0
MAX_SEED: Final = 2**32 - 1
MAX_FOLDS: Final = 20
MAX_REPEATS: Final = 20


class Activation(StrEnum):
    """What squashes the weighted sums of the hidden layers."""

    SIGMOID = "sigmoid"
    TANH = "tanh"
    RELU = "relu"


class Output(StrEnum):
    """What squashes the weighted sums of the outputs, and with it the loss."""

    SIGMOID = "sigmoid"
    SOFTMAX = "softmax"


class InitialWeights(StrEnum):
    """Where the weights begin: see `model.network.initial_layers`."""

    UNIFORM = "uniform"
    GLOROT = "glorot"
    HE = "he"


class Optimizer(StrEnum):
    """How the gradient becomes a step."""

    SGD = "sgd"
    ADAM = "adam"


class ClassWeight(StrEnum):
    """How much a row counts."""

    BALANCED = "balanced"


def draw_seed() -> int:
    """A fresh seed, for those who name none."""
    return secrets.randbelow(MAX_SEED + 1)


@dataclass(frozen=True)
class Hyperparameters:
    """The recipe of a training run; the defaults are the tutorial's, but for `standardize`.

    Attributes
    ----------
    hidden_layers : sizes of the layers between the four inputs and the species
    activation : of the hidden layers
    output : sigmoid with the squared error, or softmax with the cross-entropy
    initial_weights : how they are drawn
    optimizer : gradient descent, with momentum if that is not 0, or Adam
    learning_rate : length of a step down the gradient
    learning_rate_decay : in epoch e, counted from 0, the step is 1 / (1 + learning_rate_decay * e) as long
    momentum : share of the last step that is added to the next
    batch_size : rows whose mean gradient makes a step
    epochs : passes over the training rows, at most
    patience : epochs without a lower validation loss after which training stops, keeping the best weights
    l2 : the loss grows by half of this times the sum of the squared weights
    class_weight : balanced lets every species count the same, however many rows it has
    standardize : whether inputs are scaled to mean 0 and deviation 1 on the training rows
    restarts : how often to begin anew; the network of the lowest validation loss is kept
    warm_start : whether to go on from the current model's weights
    seed : of the initial weights

    Raises
    ------
    HyperparameterError
        If one is out of its limits or does not go with another, naming it.
    """

    hidden_layers: tuple[int, ...] = (5, 10)
    activation: Activation = Activation.SIGMOID
    output: Output = Output.SIGMOID
    initial_weights: InitialWeights = InitialWeights.UNIFORM
    optimizer: Optimizer = Optimizer.SGD
    learning_rate: float = 0.15
    learning_rate_decay: float = 0.0
    momentum: float = 0.0
    batch_size: int = 1
    epochs: int = 100
    patience: int | None = None
    l2: float = 0.0
    class_weight: ClassWeight | None = None
    standardize: bool = True
    restarts: int = 1
    warm_start: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for field, kept, expected in (*self._limits(), *self._combinations()):
            if not kept:
                raise HyperparameterError(field, f"expected {expected}")

    @property
    def total_epochs(self) -> int:
        """Epochs of all starts together, at most."""
        return self.epochs * self.restarts

    def learning_rate_of(self, epoch: int) -> float:
        """Length of a step in an epoch, counted from 1."""
        return self.learning_rate / (1 + self.learning_rate_decay * (epoch - 1))

    def _limits(self) -> Iterator[tuple[str, bool, str]]:
        sizes = self.hidden_layers
        yield "hidden_layers", len(sizes) <= MAX_HIDDEN_LAYERS, f"at most {MAX_HIDDEN_LAYERS} layers"
        yield "hidden_layers", all(1 <= n <= MAX_LAYER_SIZE for n in sizes), f"sizes from 1 to {MAX_LAYER_SIZE}"
        rate, decay = self.learning_rate, self.learning_rate_decay
        yield "learning_rate", 0 < rate <= MAX_LEARNING_RATE, f"above 0 and at most {MAX_LEARNING_RATE:g}"
        yield "learning_rate_decay", 0 <= decay <= MAX_LEARNING_RATE_DECAY, f"from 0 to {MAX_LEARNING_RATE_DECAY:g}"
        yield "momentum", 0 <= self.momentum < 1, "from 0 to less than 1"
        yield "batch_size", 1 <= self.batch_size <= MAX_BATCH_SIZE, f"from 1 to {MAX_BATCH_SIZE}"
        yield "epochs", 1 <= self.epochs <= MAX_EPOCHS, f"from 1 to {MAX_EPOCHS}"
        yield "patience", self.patience is None or 1 <= self.patience <= MAX_EPOCHS, f"from 1 to {MAX_EPOCHS}"
        yield "l2", 0 <= self.l2 <= MAX_L2, f"from 0 to {MAX_L2:g}"
        yield "restarts", 1 <= self.restarts <= MAX_EPOCHS, f"from 1 to {MAX_EPOCHS}"
        yield "seed", 0 <= self.seed <= MAX_SEED, f"from 0 to {MAX_SEED}"

    def _combinations(self) -> Iterator[tuple[str, bool, str]]:
        adam = self.optimizer is Optimizer.ADAM
        limit = MAX_ADAM_LEARNING_RATE
        yield "learning_rate", not adam or self.learning_rate <= limit, f"at most {limit:g} with adam; 0.001 is usual"
        yield "momentum", not adam or self.momentum == 0, "0 with adam, which has its own"
        yield "l2", adam or self.learning_rate * self.l2 < 1, "less than 1 / learning_rate, else a step overshoots"
        yield "restarts", self.restarts * self.epochs <= MAX_EPOCHS, f"restarts times epochs at most {MAX_EPOCHS}"
        fresh = self.initial_weights is InitialWeights.UNIFORM
        yield "restarts", not self.warm_start or self.restarts == 1, "1 with warm_start, which has but one beginning"
        yield "initial_weights", not self.warm_start or fresh, "none with warm_start: the current model's are taken"


@dataclass(frozen=True)
class CrossValidationPlan:
    """In how many folds the rows are dealt, and how often anew."""

    folds: int = 5
    repeats: int = 1

    def __post_init__(self) -> None:
        for field, count, lowest, highest in (
            ("folds", self.folds, 2, MAX_FOLDS),
            ("repeats", self.repeats, 1, MAX_REPEATS),
        ):
            if not lowest <= count <= highest:
                raise HyperparameterError(f"cross_validation.{field}", f"expected from {lowest} to {highest}")
