"""What the scripts ask for on the command line: hyperparameters, the table, the store."""

import argparse
import os
from collections.abc import Callable
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NoReturn

from model.hyperparameters import (
    Activation,
    ClassWeight,
    Hyperparameters,
    InitialWeights,
    Optimizer,
    Output,
    draw_seed,
)
from model.run import Terms

_DEFAULTS: Final = Hyperparameters()


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split("-") if size)


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text]


# How a value is read, and what the help says of it.
_OPTIONS: Final[dict[str, tuple[Callable[[str], Any], str]]] = {
    "hidden_layers": (_sizes, "sizes of the layers between inputs and species; none at all is allowed (5 10)"),
    "activation": (Activation, "of the hidden layers (%(default)s)"),
    "output": (Output, "of the last layer: sigmoid with squared error, softmax with cross-entropy (%(default)s)"),
    "initial_weights": (InitialWeights, "how they are drawn (%(default)s)"),
    "optimizer": (Optimizer, "how the gradient becomes a step (%(default)s)"),
    "learning_rate": (float, "length of a step (%(default)s)"),
    "learning_rate_decay": (float, "epoch e, from 0, has steps 1 / (1 + decay * e) as long (%(default)s)"),
    "momentum": (float, "share of the last step that is added to the next (%(default)s)"),
    "batch_size": (int, "rows whose mean gradient makes a step (%(default)s)"),
    "epochs": (int, "passes over the training rows, at most (%(default)s)"),
    "patience": (int, "epochs without a lower validation loss that end it, and the best weights are kept (no end)"),
    "l2": (float, "the loss grows by half of this times the sum of squared weights (%(default)s)"),
    "class_weight": (ClassWeight, "balanced lets every species count the same (each row does)"),
    "standardize": (_truth, "scale inputs to mean 0 and deviation 1, as is the default; the tutorial does not"),
    "restarts": (int, "how often to begin anew; the lowest validation loss is kept (%(default)s)"),
    "warm_start": (_truth, "go on from the current model's weights"),
    "seed": (int, "of the initial weights; same seed and table, same model; drawn and printed if not given"),
}


def at_least(lowest: int) -> Callable[[str], int]:
    """Reads a number that must not be lower."""

    def count(text: str) -> int:
        if int(text) < lowest:
            raise argparse.ArgumentTypeError(f"expected {lowest} or more")
        return int(text)

    return count


class OneLineParser(argparse.ArgumentParser):
    """Tells what is wrong in one line, and how to hear more."""

    def error(self, message: str) -> NoReturn:
        """End the program with status 2."""
        self.exit(2, f"{self.prog}: error: {message} (--help tells more)\n")


def add_files(parser: argparse.ArgumentParser) -> None:
    """The table and the store."""
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("data/Iris.csv"),
        metavar="FILE",
        help="CSV with SepalLengthCm, SepalWidthCm, PetalLengthCm, PetalWidthCm (cm) and Species (%(default)s)",
    )
    parser.add_argument(
        "--artifacts",
        type=Path,
        default=Path(os.environ.get("IRIS_ARTIFACTS", "artifacts")),
        metavar="DIR",
        help="the store; IRIS_ARTIFACTS if that is set (%(default)s)",
    )
    parser.add_argument(
        "--keep-models",
        type=at_least(2),
        default=os.environ.get("IRIS_KEEP_MODELS", str(Terms.keep)),
        metavar="N",
        help="models, and runs, that stay stored; IRIS_KEEP_MODELS if that is set (%(default)s)",
    )


def add_hyperparameters(parser: argparse.ArgumentParser) -> None:
    """One option for each hyperparameter, with its default."""
    for field in fields(Hyperparameters):
        read, told = _OPTIONS[field.name]
        default = None if field.name == "seed" else field.default
        parser.add_argument(f"--{field.name.replace('_', '-')}", default=default, help=told, **_kind(read))


def _kind(read: Callable[[str], Any]) -> dict[str, Any]:
    if read is _sizes:
        return {"type": int, "nargs": "*", "metavar": "N"}
    if read is _truth:
        return {"action": argparse.BooleanOptionalAction}
    if isinstance(read, type) and issubclass(read, StrEnum):
        return {"choices": [member.value for member in read]}
    return {"type": read, "metavar": "N" if read is int else "X"}


def hyperparameters_of(options: argparse.Namespace) -> Hyperparameters:
    """The recipe that the options say; raises `HyperparameterError` if it is none."""
    given = {field.name: getattr(options, field.name) for field in fields(Hyperparameters)}
    for name, value in given.items():
        read = _OPTIONS[name][0]
        if isinstance(value, str):
            given[name] = read(value)
    seed = draw_seed() if given["seed"] is None else given["seed"]
    return Hyperparameters(**given | {"hidden_layers": tuple(given["hidden_layers"]), "seed": seed})


def value_of(name: str, text: str) -> Any:  # noqa: ANN401 - each hyperparameter has a type of its own
    """A hyperparameter as a word: layers as 5-10, truths as true and false, nothing as none.

    Raises `ValueError` if it is no such value.
    """
    if text == "none":
        return None
    try:
        return _OPTIONS[name][0](text)
    except (KeyError, ValueError):
        raise ValueError(f"{text!r} is no value of {name}") from None
