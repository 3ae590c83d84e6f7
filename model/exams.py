"""The exams that the model of a run sits: rows that it does not learn from."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from model.artifact import DatasetReference
from model.dataset import Dataset, parse_csv, read_csv
from model.errors import DatasetError, NotStoredError
from model.incumbent import Incumbent
from model.pipeline import deal, shared
from model.run import Run
from model.store import Store


def standing(store: Store, run: Run, dataset: Dataset, current: Incumbent | None, built_in: Path) -> list[Dataset]:
    """The exams that whoever trains cannot choose; they are held back from what the run learns.

    They are the test rows of the built-in table, and those of the table that the current model has
    learned from, if that is another.
    """
    tables = [read_csv(built_in) if run.dataset else dataset]
    if current and current.artifact.card.dataset.sha256 != tables[0].sha256:
        with suppress(NotStoredError, DatasetError):  # it was the built-in one once, or is damaged
            tables.append(_stored(store, current.artifact.card.dataset))
    return [deal(table).test for table in tables]


def own(dataset: Dataset, others: Sequence[Dataset]) -> list[Dataset]:
    """The test rows of the run's own table, if that is not among the others.

    Rows whose measurements stand among its training rows too are left out.
    """
    if dataset.sha256 in {other.sha256 for other in others}:
        return []
    parts = deal(dataset)
    return [parts.test.take(np.flatnonzero(~shared(parts.test, [parts.training])))]


def _stored(store: Store, table: DatasetReference) -> Dataset:
    return parse_csv(store.tables.read(table.sha256), table.name, source=table.name)
