"""Bodies of requests and responses, and the way from them to arrays and back."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, FailFast, Field
from pydantic.config import JsonDict

from model.evaluation import Evaluation
from model.features import MAX_CENTIMETRES
from model.hyperparameters import (
    MAX_EPOCHS,
    MAX_HIDDEN_LAYERS,
    MAX_LAYER_SIZE,
    MAX_LEARNING_RATE,
    MAX_SEED,
    Hyperparameters,
    draw_seed,
)
from model.network import Array
from model.run import Policy

MAX_BATCH = 10_000
_EXAMPLE: JsonDict = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}

Centimetres = Annotated[float, Field(gt=0, le=MAX_CENTIMETRES)]


class Request(BaseModel):
    """Base of request bodies: nothing is converted, NaN and infinity are no numbers, unknown fields are refused."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Flower(Request):
    """Four measurements of one flower, in centimetres; the table's names (`SepalLengthCm`) are accepted too."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    sepal_length: Annotated[Centimetres, Field(validation_alias=AliasChoices("sepal_length", "SepalLengthCm"))]
    sepal_width: Annotated[Centimetres, Field(validation_alias=AliasChoices("sepal_width", "SepalWidthCm"))]
    petal_length: Annotated[Centimetres, Field(validation_alias=AliasChoices("petal_length", "PetalLengthCm"))]
    petal_width: Annotated[Centimetres, Field(validation_alias=AliasChoices("petal_width", "PetalWidthCm"))]

    def measurements(self) -> tuple[float, float, float, float]:
        """The measurements in the order of `FEATURES`, centimetres."""
        return self.sepal_length, self.sepal_width, self.petal_length, self.petal_width


class Batch(Request):
    """Up to 10,000 flowers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"flowers": [_EXAMPLE]}]})

    # Of a wrong batch the first wrong flower is named: naming all would let a request make a huge answer.
    flowers: Annotated[list[Flower], Field(min_length=1, max_length=MAX_BATCH), FailFast()]

    def array(self) -> Array:
        """float64 (n, 4), centimetres."""
        return np.array([flower.measurements() for flower in self.flowers])


class TrainingRequest(Request):
    """A recipe; what is left out is the default's."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"hidden_layers": [8], "epochs": 200, "seed": 7}]})

    hidden_layers: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_LAYER_SIZE)]], Field(max_length=MAX_HIDDEN_LAYERS)
    ] = list(Hyperparameters.hidden_layers)
    """Sizes of the layers between the four inputs and the species."""

    learning_rate: Annotated[float, Field(gt=0, le=MAX_LEARNING_RATE)] = Hyperparameters.learning_rate
    """Length of a step down the gradient."""

    epochs: Annotated[int, Field(ge=1, le=MAX_EPOCHS)] = Hyperparameters.epochs
    """Passes over the training rows."""

    standardize: bool = Hyperparameters.standardize
    """Whether inputs are scaled to mean 0 and deviation 1 on the training rows."""

    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = Field(default_factory=draw_seed)
    """Of the initial weights; drawn if left out, and told by the run."""

    promote: Annotated[Policy, Field(strict=False)] = Policy.IF_GOOD
    """Whether the model becomes current: if it passes the gate, or never, or always."""

    dataset: str | None = None
    """Name of the table to learn from; the built-in one if left out."""

    def hyperparameters(self) -> Hyperparameters:
        """The recipe as `model` knows it."""
        return Hyperparameters(
            hidden_layers=tuple(self.hidden_layers),
            learning_rate=self.learning_rate,
            epochs=self.epochs,
            standardize=self.standardize,
            seed=self.seed,
        )


@dataclass(frozen=True, slots=True)
class FlowerPrediction:
    """What a network makes of one flower.

    `scores` are the activations of the output neurons and need not sum to 1; `confidence` is the
    largest of them. `out_of_range` names the features outside of what the model was trained on.
    """

    species: str
    confidence: float
    scores: dict[str, float]
    out_of_range: list[str]


@dataclass(frozen=True, slots=True)
class Prediction(FlowerPrediction):
    """What a network makes of one flower, and which model it was."""

    model_version: str


@dataclass(frozen=True, slots=True)
class BatchPrediction:
    """Predictions in the order of the flowers, all by one model."""

    predictions: list[FlowerPrediction]
    model_version: str


class ProblemField(BaseModel):
    """One field that is wrong, and how to mend it."""

    field: str
    message: str


class ProblemBody(BaseModel):
    """The one shape of every error: RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[ProblemField] = []


@dataclass(frozen=True)
class Health:
    """That the service lives, or is ready."""

    status: str
    model_version: str | None = None


@dataclass(frozen=True)
class CounterSample:
    """One counter by its labels."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class MetricsBody:
    """The evaluation of the current model and what the service has counted since it started."""

    model_version: str | None
    evaluation: dict[str, Evaluation] | None
    counters: dict[str, list[CounterSample]]
