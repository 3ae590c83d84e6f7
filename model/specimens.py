"""The rows of the table that a model has learned from, and what it makes of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.artifact import Artifact
from model.dataset import Dataset, parse_csv, read_csv
from model.errors import DatasetError, NotStoredError
from model.pipeline import deal, shared
from model.store import Store
from model.summary import Specimen, Specimens

MAX_SPECIMENS: Final = 1000


def specimens_of(store: Store, version: str, built_in: Path) -> Specimens | None:
    """Rows of the table that a stored model has learned from, part by part; None if the table is gone."""
    model = store.model(version)
    table = _table(store, model.card.dataset.sha256, built_in)
    if table is None:
        return None
    parts = deal(table, model.card.split_seed)
    unused = _held_back(parts.training, built_in)
    dealt = {
        "training": parts.training.take(np.flatnonzero(~unused)),
        "held back": parts.training.take(np.flatnonzero(unused)),
        "validation": parts.validation,
        "test": parts.test,
    }
    share = min(1.0, MAX_SPECIMENS / len(table))
    shown = (each for part, rows in dealt.items() for each in _specimens(model, part, _drawn(rows, share)))
    return Specimens(len(table), tuple(shown))


def _table(store: Store, sha256: str, built_in: Path) -> Dataset | None:
    try:
        return parse_csv(store.tables.read(sha256), "", source="the table")
    except (NotStoredError, DatasetError):
        found = _read(built_in)
        return found if found and found.sha256 == sha256 else None


def _read(built_in: Path) -> Dataset | None:
    try:
        return read_csv(built_in)
    except DatasetError:
        return None


def _held_back(training: Dataset, built_in: Path) -> NDArray[np.bool_]:
    """Which training rows are among those of the built-in table that models are examined on: bool (n,)."""
    table = _read(built_in)
    return shared(training, [deal(table).test]) if table else np.zeros(len(training), dtype=bool)


def _drawn(rows: Dataset, share: float) -> Dataset:
    count = int(len(rows) * share)
    return rows.take(np.random.default_rng(0).permutation(len(rows))[:count])


def _specimens(model: Artifact, part: str, rows: Dataset) -> Iterator[Specimen]:
    scores = model.network.scores(rows.X)
    for features, label, row in zip(rows.X.tolist(), rows.labels.tolist(), scores.tolist(), strict=True):
        best = row.index(max(row))
        yield Specimen(tuple(features), rows.species[label], part, model.card.species[best], row[best])
