"""The training script: `python -m model.train`.

Reads a table, deals its rows into training, validation and test, fits the network, prints the
accuracies every 20 epochs and the testing accuracy at the end, stores the artifact and makes it
the current model. A service that runs on the same directory serves it within a second.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from model.dataset import Dataset, read_csv
from model.errors import ModelError
from model.evaluation import EpochScore
from model.hyperparameters import Hyperparameters, draw_seed
from model.job import perform
from model.run import Policy, Run, Status, Terms, begun, queued
from model.store import Store

_EPOCHS_BETWEEN_PRINTS = 20
_DEFAULTS = Hyperparameters()


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the arguments say; 0 if a model was stored, 2 for bad input, 1 if the store refuses."""
    options = _parser().parse_args(arguments)
    try:
        hyperparameters = _hyperparameters(options)
        dataset = read_csv(options.data)
    except ModelError as error:
        print(f"model.train: error: {error}", file=sys.stderr)
        return 2
    try:
        run = _train(Store(options.artifacts), dataset, hyperparameters, options.data)
    except OSError as error:
        print(f"model.train: error: {options.artifacts}: {error.strerror}", file=sys.stderr)
        return 1
    return _conclude(run, options.artifacts)


def _train(store: Store, dataset: Dataset, hyperparameters: Hyperparameters, table: Path) -> Run:
    print(f"{dataset.name}: {len(dataset)} rows, {len(dataset.species)} species; seed {hyperparameters.seed}")
    # Shown on a terminal only (disable=None), and on standard error: what is printed can be piped.
    with (
        store.training(timeout_seconds=-1),
        tqdm(total=hyperparameters.epochs, unit="epoch", disable=None, leave=False) as bar,
    ):

        def report(score: EpochScore) -> None:
            bar.update()
            if score.epoch % _EPOCHS_BETWEEN_PRINTS == 0:
                bar.write(_accuracies(score), file=sys.stdout)

        run = begun(queued(hyperparameters, Policy.ALWAYS))
        return perform(store, run, lambda: dataset, Terms(table), report)


def _accuracies(score: EpochScore) -> str:
    return (
        f"Epoch {score.epoch}: training accuracy {score.training_accuracy:.4f}, "
        f"validation accuracy {score.validation_accuracy:.4f}"
    )


def _conclude(run: Run, artifacts: Path) -> int:
    if run.status is not Status.SUCCEEDED or run.evaluation is None:
        print(f"model.train: error: {artifacts}: {run.reason}", file=sys.stderr)
        return 1
    print(f"Testing accuracy: {run.evaluation['test'].accuracy:.4f}")
    print(f"Current model: {run.model_version} in {artifacts}")
    return 0


def _hyperparameters(options: argparse.Namespace) -> Hyperparameters:
    return Hyperparameters(
        hidden_layers=tuple(options.hidden_layers),
        learning_rate=options.learning_rate,
        epochs=options.epochs,
        standardize=options.standardize,
        seed=draw_seed() if options.seed is None else options.seed,
    )


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (--help tells more)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="model.train",
        description=(
            "Train the network on a table of flowers, store it, and make it the current model. "
            "Prints training and validation accuracy every 20 epochs and the testing accuracy at the end."
        ),
        epilog="Exit status: 0 a model was stored, 1 it could not be stored, 2 bad arguments or a bad table.",
    )
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        default=Path("data/Iris.csv"),
        metavar="FILE",
        help="CSV with SepalLengthCm, SepalWidthCm, PetalLengthCm, PetalWidthCm (cm) and Species (%(default)s)",
    )
    add(
        "--artifacts",
        type=Path,
        default=Path(os.environ.get("IRIS_ARTIFACTS", "artifacts")),
        metavar="DIR",
        help="the store; IRIS_ARTIFACTS if that is set (%(default)s)",
    )
    add(
        "--hidden-layers",
        type=int,
        nargs="*",
        default=_DEFAULTS.hidden_layers,
        metavar="N",
        help="sizes of the layers between inputs and species; none at all is allowed (5 10)",
    )
    add(
        "--learning-rate",
        type=float,
        default=_DEFAULTS.learning_rate,
        metavar="RATE",
        help="length of a step (%(default)s)",
    )
    add("--epochs", type=int, default=_DEFAULTS.epochs, metavar="N", help="passes over the training rows (%(default)s)")
    add(
        "--seed",
        type=int,
        default=None,
        metavar="N",
        help="of the initial weights; the same seed and table give the same model; drawn and printed if not given",
    )
    add(
        "--standardize",
        action=argparse.BooleanOptionalAction,
        default=_DEFAULTS.standardize,
        help="scale inputs to mean 0 and deviation 1, as is the default; the tutorial does not",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
