"""The training script: `python -m model.train`.

Reads a table, deals its rows into training, validation and test, fits the network, prints the
accuracies every 20 epochs and the testing accuracy at the end, stores the artifact and makes it
the current model. A service that runs on the same directory serves it within a second.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from model.arguments import OneLineParser, add_files, add_hyperparameters, hyperparameters_of
from model.dataset import Dataset, read_csv
from model.errors import ModelError
from model.evaluation import EpochScore
from model.hyperparameters import CrossValidationPlan
from model.job import perform
from model.run import Policy, Run, Status, Terms, begun, queued
from model.store import Store

_EPOCHS_BETWEEN_PRINTS = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the arguments say; 0 if a model was stored, 2 for bad input, 1 if the store refuses."""
    options = _parser().parse_args(arguments)
    try:
        plan = CrossValidationPlan(options.cross_validate, options.repeats) if options.cross_validate else None
        run = begun(queued(hyperparameters_of(options), Policy(options.promote), plan))
        dataset = read_csv(options.data)
    except ModelError as error:
        print(f"model.train: error: {error}", file=sys.stderr)
        return 2
    try:
        run = train_and_tell(Store(options.artifacts), dataset, run, Terms(options.data, keep=options.keep_models))
    except OSError as error:
        print(f"model.train: error: {options.artifacts}: {error.strerror}", file=sys.stderr)
        return 1
    return conclude(run, options.artifacts)


def train_and_tell(store: Store, dataset: Dataset, run: Run, terms: Terms) -> Run:
    """Do a run on a dataset, telling how it goes; its last record."""
    seed = run.hyperparameters.seed
    print(f"{dataset.name}: {len(dataset)} rows, {len(dataset.species)} species; seed {seed}")
    # Shown on a terminal only (disable=None), and on standard error: what is printed can be piped.
    with (
        store.training(timeout_seconds=-1),
        tqdm(total=run.progress.epochs, unit="epoch", disable=None, leave=False) as bar,
    ):

        def report(score: EpochScore | None) -> None:
            bar.update()
            if score and score.epoch % _EPOCHS_BETWEEN_PRINTS == 0:
                bar.write(_accuracies(score), file=sys.stdout)

        return perform(store, run, lambda: dataset, terms, report)


def _accuracies(score: EpochScore) -> str:
    return (
        f"Epoch {score.epoch}: training accuracy {score.training_accuracy:.4f}, "
        f"validation accuracy {score.validation_accuracy:.4f}"
    )


def conclude(run: Run, artifacts: Path) -> int:
    """Tell what came of a run, and the exit status."""
    if run.status is not Status.SUCCEEDED or run.evaluation is None:
        print(f"model.train: error: {artifacts}: {run.reason}", file=sys.stderr)
        return 1
    print(f"Testing accuracy: {run.evaluation.test.accuracy:.4f}")
    if found := run.evaluation.cross_validation:
        low, high = found.interval
        print(
            f"Cross-validation, {found.folds} folds {found.repeats} times: accuracy {found.mean:.4f} "
            f"(95 % interval {low:.4f} to {high:.4f}, standard deviation {found.standard_deviation:.4f})"
        )
    if run.promoted:
        print(f"Current model: {run.model_version} in {artifacts}")
    else:
        print(f"Stored model: {run.model_version} in {artifacts}. {run.reason}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="model.train",
        description=(
            "Train the network on a table of flowers, store it, and make it the current model. "
            "Prints training and validation accuracy every 20 epochs and the testing accuracy at the end."
        ),
        epilog="Exit status: 0 a model was stored, 1 it could not be stored, 2 bad arguments or a bad table.",
    )
    add_files(parser)
    add_hyperparameters(parser)
    parser.add_argument(
        "--cross-validate",
        type=int,
        metavar="FOLDS",
        help="tell also how good the recipe is, by stratified cross-validation in so many folds",
    )
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="of cross-validation (%(default)s)")
    parser.add_argument(
        "--promote",
        choices=[policy.value for policy in Policy],
        default=Policy.ALWAYS.value,
        help="whether the model becomes current: always, never, or if_good: if it passes the gate (%(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
