"""The search: `python -m model.search`.

Cross-validates many recipes on all processors and ranks them; trains and stores the best one if
that is wanted. Recipes are every combination of the values that `--vary` names, or random draws of
them. Without `--vary` it tries a grid that suits small tables.
"""

import argparse
import math
import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import replace
from itertools import product
from typing import Any, Final, NamedTuple

import numpy as np
from tqdm import tqdm

from model.arguments import OneLineParser, add_files, add_hyperparameters, at_least, hyperparameters_of, value_of
from model.crossvalidation import cross_validate
from model.dataset import Dataset, read_csv
from model.errors import HyperparameterError, ModelError, TrainingError
from model.evaluation import CrossValidation
from model.hyperparameters import CrossValidationPlan, Hyperparameters
from model.pipeline import SPLIT_SEED
from model.run import Policy, Terms, begun, queued
from model.store import Store
from model.train import conclude, train_and_tell

_GRID: Final = (
    "hidden_layers=5-10,16,16-16",
    "activation=sigmoid,tanh",
    "output=sigmoid,softmax",
    "learning_rate=0.02,0.05,0.15",
    "l2=0.0,0.001",
)
_SHOWN: Final = 20


class Range(NamedTuple):
    """Numbers to draw from: those of one order of magnitude as often as those of another."""

    low: float
    high: float


Values = Sequence[Any] | Range
Choice = dict[str, Any]  # of a recipe: values by the names of hyperparameters


class Trial(NamedTuple):
    """A recipe, by what was chosen for it, and how good it is; without a finding its loss diverged."""

    choice: Choice
    recipe: Hyperparameters
    found: CrossValidation | None


def every(choices: Mapping[str, Sequence[Any]]) -> Iterator[Choice]:
    """Every combination of the values."""
    return (dict(zip(choices, values, strict=True)) for values in product(*choices.values()))


def drawn(choices: Mapping[str, Values], count: int, rng: np.random.Generator) -> Iterator[Choice]:
    """So many combinations, each of values that are drawn independently."""
    return ({name: _draw(values, rng) for name, values in choices.items()} for _ in range(count))


def _draw(values: Values, rng: np.random.Generator) -> Any:  # noqa: ANN401 - each hyperparameter has its type
    if isinstance(values, Range):
        return math.exp(rng.uniform(math.log(values.low), math.log(values.high)))
    return values[int(rng.integers(len(values)))]


def recipes_of(base: Hyperparameters, choices: Iterator[Choice]) -> list[tuple[Choice, Hyperparameters]]:
    """The recipes of the choices; those whose values do not go together are left out."""
    found = []
    for choice in choices:
        try:
            found.append((choice, replace(base, **choice)))
        except HyperparameterError:
            continue
    return found


def search(
    dataset: Dataset,
    recipes: Sequence[tuple[Choice, Hyperparameters]],
    plan: CrossValidationPlan,
    executor: Executor,
) -> Iterator[Trial]:
    """Cross-validate the recipes, all on the same folds; each trial as it is done."""
    futures = {executor.submit(_cross_validate, dataset, recipe, plan): (choice, recipe) for choice, recipe in recipes}
    for future in as_completed(futures):
        yield Trial(*futures[future], future.result())


def _cross_validate(dataset: Dataset, recipe: Hyperparameters, plan: CrossValidationPlan) -> CrossValidation | None:
    try:
        return cross_validate(dataset, recipe, plan, SPLIT_SEED)
    except TrainingError:
        return None


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """The best first: the highest accuracy, among equals the steadiest, then the one with the fewest neurons."""
    sound = [trial for trial in trials if trial.found]
    return sorted(sound, key=_rank)


def _rank(trial: Trial) -> tuple[float, float, int, str]:
    found, recipe = trial.found, trial.recipe
    assert found  # noqa: S101 - those without are sorted out before
    return -found.mean, found.standard_deviation, sum(recipe.hidden_layers), str(trial.choice)


def main(arguments: Sequence[str] | None = None) -> int:
    """Search as the arguments say; 0 if a recipe was found, 2 for bad input, 1 if the store refuses."""
    options = _parser().parse_args(arguments)
    try:
        choices = dict(_values(text) for text in options.vary or _GRID)
        plan = CrossValidationPlan(options.folds, options.repeats)
        recipes = _recipes(_base(options, choices), choices, options.draws)
        dataset = read_csv(options.data)
    except (ModelError, ValueError) as error:
        print(f"model.search: error: {error}", file=sys.stderr)
        return 2
    print(f"{dataset.name}: {len(dataset)} rows; {len(recipes)} recipes, {plan.folds} folds, {plan.repeats} repeats")
    with _pool(options.processes) as pool:
        trials = search(dataset, recipes, plan, pool)
        best = ranked(list(tqdm(trials, total=len(recipes), unit="recipe", disable=None, leave=False)))
    print(_table(best[:_SHOWN]))
    if not best:
        print("model.search: error: the loss of every recipe diverged", file=sys.stderr)
        return 1
    return _store(options, dataset, best[0].recipe) if options.store else 0


def _base(options: argparse.Namespace, choices: Mapping[str, Values]) -> Hyperparameters:
    """What the recipes have in common; of what varies, it has some value that is tried."""
    tried = {name: values[0] for name, values in choices.items()}
    return hyperparameters_of(argparse.Namespace(**vars(options) | tried))


def _recipes(base: Hyperparameters, choices: Mapping[str, Values], draws: int) -> list[tuple[Choice, Hyperparameters]]:
    if draws:
        found = recipes_of(base, drawn(choices, draws, np.random.default_rng(base.seed)))
    else:
        if ranges := [name for name, values in choices.items() if isinstance(values, Range)]:
            raise ValueError(f"{ranges[0]}: a range needs --draws")
        found = recipes_of(base, every({name: list(values) for name, values in choices.items()}))
    if not found:
        raise ValueError("no combination of these values makes a recipe")
    return found


def _values(text: str) -> tuple[str, Values]:
    """`learning_rate=0.05,0.15` or `learning_rate=0.01..0.3` as its name and its values."""
    name, _, values = text.partition("=")
    low, dots, high = values.partition("..")
    if not dots:
        return name, [value_of(name, value) for value in values.split(",")]
    span = Range(float(low), float(high))
    if not (0 < span.low < span.high and isinstance(value_of(name, high), float)):
        raise ValueError(f"{text!r}: expected a range of a fractional hyperparameter, above 0")
    return name, span


def _pool(processes: int) -> ProcessPoolExecutor:
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["model.warm"])
    return ProcessPoolExecutor(processes, context)


def _table(trials: Sequence[Trial]) -> str:
    lines = ["rank  accuracy  95 % interval     deviation  recipe"]
    for rank, trial in enumerate(trials, start=1):
        if found := trial.found:
            low, high = found.interval
            choice = " ".join(f"{name}={_word(value)}" for name, value in trial.choice.items())
            lines.append(
                f"{rank:4}  {found.mean:8.4f}  {low:.4f} to {high:.4f}  {found.standard_deviation:9.4f}  {choice}"
            )
    return "\n".join(lines)


def _word(value: object) -> str:
    """A value as `--vary` reads it."""
    if isinstance(value, tuple):
        return "-".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value).lower()


def _store(options: argparse.Namespace, dataset: Dataset, recipe: Hyperparameters) -> int:
    terms = Terms(options.data, keep=options.keep_models)
    run = begun(queued(recipe, Policy.IF_GOOD))
    return conclude(train_and_tell(Store(options.artifacts), dataset, run, terms), options.artifacts)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="model.search",
        description="Cross-validate many recipes on all processors, and rank them. Options of a recipe hold for all.",
        epilog="Exit status: 0 recipes were ranked, 1 the best could not be stored, 2 bad arguments or a bad table.",
    )
    add_files(parser)
    add_hyperparameters(parser)
    parser.add_argument(
        "--vary",
        action="extend",
        nargs="+",
        metavar="NAME=VALUES",
        help="values to try, as learning_rate=0.05,0.15 or hidden_layers=5-10,16; "
        "with --draws a range also, as learning_rate=0.01..0.3 (a small grid)",
    )
    parser.add_argument("--draws", type=int, default=0, metavar="N", help="recipes to draw (every combination)")
    parser.add_argument("--folds", type=int, default=5, metavar="N", help="of cross-validation (%(default)s)")
    parser.add_argument("--repeats", type=int, default=2, metavar="N", help="of cross-validation (%(default)s)")
    parser.add_argument(
        "--processes",
        type=at_least(1),
        default=os.cpu_count(),
        metavar="N",
        help="that search side by side (%(default)s)",
    )
    parser.add_argument("--store", action="store_true", help="train the best recipe, store it, serve it if it is good")
    return parser


if __name__ == "__main__":
    sys.exit(main())
