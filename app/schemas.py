"""Bodies of requests and responses, and the way from them to arrays and back."""

from dataclasses import dataclass, fields
from typing import Annotated

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, FailFast, Field
from pydantic.config import JsonDict

from model.evaluation import Evaluations
from model.features import MAX_CENTIMETRES
from model.hyperparameters import (
    MAX_BATCH_SIZE,
    MAX_EPOCHS,
    MAX_FOLDS,
    MAX_HIDDEN_LAYERS,
    MAX_L2,
    MAX_LAYER_SIZE,
    MAX_LEARNING_RATE,
    MAX_LEARNING_RATE_DECAY,
    MAX_REPEATS,
    MAX_SEED,
    Activation,
    ClassWeight,
    CrossValidationPlan,
    Hyperparameters,
    InitialWeights,
    Optimizer,
    Output,
    draw_seed,
)
from model.network import Array
from model.run import Policy, Run, queued

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


Named = Field(strict=False)  # JSON has no enumerations: their names are taken


class CrossValidationRequest(Request):
    """How often the recipe is fitted anew to tell how good it is."""

    folds: Annotated[int, Field(ge=2, le=MAX_FOLDS)] = CrossValidationPlan.folds
    """In how many parts the rows are dealt, each of which is left out once."""

    repeats: Annotated[int, Field(ge=1, le=MAX_REPEATS)] = CrossValidationPlan.repeats
    """How often they are dealt anew."""


class TrainingRequest(Request):
    """A recipe; what is left out is the default's: the tutorial's, but with standardised inputs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {},
                {"hidden_layers": [8], "epochs": 200, "seed": 7},
                {"output": "softmax", "optimizer": "adam", "learning_rate": 0.01, "batch_size": 16, "patience": 10},
            ]
        }
    )

    hidden_layers: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_LAYER_SIZE)]], Field(max_length=MAX_HIDDEN_LAYERS)
    ] = list(Hyperparameters.hidden_layers)
    """Sizes of the layers between the four inputs and the species."""

    activation: Annotated[Activation, Named] = Hyperparameters.activation
    """Of the hidden layers."""

    output: Annotated[Output, Named] = Hyperparameters.output
    """Of the last layer: sigmoid with the squared error, or softmax with the cross-entropy."""

    initial_weights: Annotated[InitialWeights, Named] = Hyperparameters.initial_weights
    """Uniform in [-1, 1] with biases, or scaled to the layers: glorot, or he for relu."""

    optimizer: Annotated[Optimizer, Named] = Hyperparameters.optimizer
    """Gradient descent, with momentum if that is not 0, or Adam."""

    learning_rate: Annotated[float, Field(gt=0, le=MAX_LEARNING_RATE)] = Hyperparameters.learning_rate
    """Length of a step down the gradient; with adam at most 0.1, and 0.001 is usual."""

    learning_rate_decay: Annotated[float, Field(ge=0, le=MAX_LEARNING_RATE_DECAY)] = Hyperparameters.learning_rate_decay
    """In epoch e, counted from 0, a step is 1 / (1 + learning_rate_decay * e) as long."""

    momentum: Annotated[float, Field(ge=0, lt=1)] = Hyperparameters.momentum
    """Share of the last step that is added to the next, of sgd."""

    batch_size: Annotated[int, Field(ge=1, le=MAX_BATCH_SIZE)] = Hyperparameters.batch_size
    """Rows whose mean gradient makes a step."""

    epochs: Annotated[int, Field(ge=1, le=MAX_EPOCHS)] = Hyperparameters.epochs
    """Passes over the training rows, at most."""

    patience: Annotated[int, Field(ge=1, le=MAX_EPOCHS)] | None = Hyperparameters.patience
    """Epochs without a lower validation loss after which training stops; the best weights are kept."""

    l2: Annotated[float, Field(ge=0, le=MAX_L2)] = Hyperparameters.l2
    """The loss grows by half of this times the sum of the squared weights."""

    class_weight: Annotated[ClassWeight, Named] | None = Hyperparameters.class_weight
    """Balanced lets every species count the same, however many rows it has."""

    standardize: bool = Hyperparameters.standardize
    """Whether inputs are scaled to mean 0 and deviation 1 on the training rows."""

    restarts: Annotated[int, Field(ge=1, le=MAX_EPOCHS)] = Hyperparameters.restarts
    """How often to begin anew; the network of the lowest validation loss is kept."""

    warm_start: bool = Hyperparameters.warm_start
    """Whether to go on from the current model's weights; it must have the same species and layers."""

    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = Field(default_factory=draw_seed)
    """Of the initial weights; drawn if left out, and told by the run."""

    promote: Annotated[Policy, Field(strict=False)] = Policy.IF_GOOD
    """Whether the model becomes current: if it passes the gate, or never, or always."""

    dataset: str | None = None
    """Name of the table to learn from; the built-in one if left out."""

    cross_validation: CrossValidationRequest | None = None
    """Whether to tell also how good the recipe is: by repeated stratified k-fold cross-validation."""

    def run(self) -> Run:
        """The record of a run that is asked for so; raises `HyperparameterError` for what does not go together."""
        recipe = {field.name: getattr(self, field.name) for field in fields(Hyperparameters)}
        plan = self.cross_validation
        return queued(
            Hyperparameters(**recipe | {"hidden_layers": tuple(self.hidden_layers)}),
            self.promote,
            CrossValidationPlan(plan.folds, plan.repeats) if plan else None,
        )


@dataclass(frozen=True, slots=True)
class FlowerPrediction:
    """What a network makes of one flower.

    `scores` are the activations of the output neurons, and `confidence` is the largest of them. Of
    a model with softmax outputs they sum to 1 and estimate probabilities. Of one with sigmoid
    outputs each neuron decides for itself: they need not sum to 1, and a flower like none of the
    species may have low scores throughout. How far either can be believed is measured as
    `calibration_error` on the model's card. `out_of_range` names the features outside of what the
    model was trained on.
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
class Explanation:
    """Why the species that was told has the score that it has.

    `gradient` is the derivative of that score by each measurement, per centimetre.
    `contributions` are integrated gradients: what each feature adds to the score on the way from
    the mean flower of the training rows, `baseline`, to this one; they sum to `confidence` minus
    `baseline_score`.
    """

    baseline: dict[str, float]
    baseline_score: float
    gradient: dict[str, float]
    contributions: dict[str, float]


@dataclass(frozen=True, slots=True)
class ExplainedPrediction(Prediction):
    """What a network makes of one flower, and why."""

    explanation: Explanation


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
    evaluation: Evaluations | None
    counters: dict[str, list[CounterSample]]
