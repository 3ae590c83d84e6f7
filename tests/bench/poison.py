"""Poisoned tables at the gate: which of them become current, and how good those are that do.

    python -m tests.bench.poison [--seeds 20]

Labels of the built-in table are flipped at random or swapped throughout, and the table is trained
on as one of the caller's own, beside a clean current model. Rows that the server holds back tell
how good a model really is. Clean retrains must get through.
"""

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from model.artifact import Artifact
from model.dataset import Dataset, parse_csv, read_csv
from model.evaluation import accuracy
from model.features import COLUMNS, SPECIES_COLUMN
from model.hyperparameters import Hyperparameters
from model.job import perform, table_of
from model.pipeline import deal
from model.run import Run, Status, Terms, queued
from model.store import Store
from model.summary import summarize
from tests.bench.promises import insist
from tests.bench.stores import IRIS, temporary_store

_CLEAN = "clean"
_SHARES = {"20 % flipped": 0.20, "33 % flipped": 0.33, "50 % flipped": 0.50, "100 % flipped": 1.0}
_SWAPPED = "swapped"
_NEVER_CURRENT = ("50 % flipped", "100 % flipped", _SWAPPED)
_TERMS = Terms(IRIS)


@dataclass(frozen=True)
class Attempt:
    """What came of one run: whether its model became current, and how good it and the old one are."""

    promoted: bool
    accuracy: float
    had: float


def flip(labels: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Another species, drawn at random, for the share of the labels."""
    flipped = labels.copy()
    rows = rng.permutation(len(labels))[: round(share * len(labels))]
    flipped[rows] = (labels[rows] + rng.integers(1, 3, len(rows))) % 3
    return flipped


def poisoned(table: Dataset, kind: str, seed: int) -> Dataset:
    if kind == _SWAPPED:
        return replace(table, labels=(table.labels + 1) % 3)
    return replace(table, labels=flip(table.labels, _SHARES[kind], np.random.default_rng(seed)))


def as_csv(table: Dataset) -> bytes:
    rows = zip(table.X.tolist(), table.labels.tolist(), strict=True)
    lines = (",".join([*map(str, measurements), table.species[label]]) for measurements, label in rows)
    return "\n".join([",".join([*COLUMNS, SPECIES_COLUMN]), *lines, ""]).encode()


def upload(store: Store, data: bytes) -> str:
    """Put a table into the store as the service does; its name."""
    name = "poisoned"
    with store.tables.draft() as draft:
        draft.write(data)
        store.tables.put(summarize(parse_csv(data, name, source=name)), draft, 1)
    return name


def queue(store: Store, kind: str, seed: int) -> Run:
    run = queued(Hyperparameters(seed=seed))
    name = None if kind == _CLEAN else upload(store, as_csv(poisoned(read_csv(IRIS), kind, seed)))
    return store.enqueue(run, 1, name)


def attempt(kind: str, seed: int) -> Attempt:
    """Train one table in a store of its own, in which a clean model serves."""
    with temporary_store() as store:
        old = str(store.current())
        waiting = queue(store, kind, seed)
        with store.training(timeout_seconds=10):
            begun = store.begin(waiting.id)
            assert begun is not None
            run = perform(store, begun, partial(table_of, store, begun, _TERMS), _TERMS)
        if run.status is not Status.SUCCEEDED or run.model_version is None:
            raise RuntimeError(f"{kind}, seed {seed}: the run {run.status}: {run.reason}")
        promoted = store.current() == run.model_version
        assert promoted == run.promoted
        return Attempt(promoted, exam(store.model(run.model_version)), exam(store.model(old)))


def exam(model: Artifact) -> float:
    """Accuracy on the rows that the server holds back."""
    rows = deal(read_csv(IRIS)).test
    return accuracy(model.network.scores(rows.X), rows.labels)


def is_good(found: Attempt) -> bool:
    return found.accuracy >= max(_TERMS.min_accuracy, found.had - _TERMS.tolerance)


def report(kind: str, attempts: list[Attempt]) -> None:
    current = [found.accuracy for found in attempts if found.promoted]
    lowest = f"lowest accuracy of those {min(current):.3f}" if current else ""
    all_lowest = min(found.accuracy for found in attempts)
    print(f"{kind:14} {len(current):3} of {len(attempts)} became current  (lowest of all {all_lowest:.3f})  {lowest}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = range(1, parser.parse_args().seeds + 1)
    found: dict[str, list[Attempt]] = {}
    with ProcessPoolExecutor(2) as pool:
        for kind in (_CLEAN, *_SHARES, _SWAPPED):
            found[kind] = list(pool.map(attempt, repeat(kind), seeds))
            report(kind, found[kind])
    promoted: Callable[[str], int] = lambda kind: sum(each.promoted for each in found[kind])  # noqa: E731
    insist(
        {
            "none below the floor or the tolerance becomes current": all(
                is_good(each) for attempts in found.values() for each in attempts if each.promoted
            ),
            f"none at all of {', '.join(_NEVER_CURRENT)}": not any(map(promoted, _NEVER_CURRENT)),
            "19 of 20 clean ones do": promoted(_CLEAN) >= 0.95 * len(seeds),
        }
    )


if __name__ == "__main__":
    main()
