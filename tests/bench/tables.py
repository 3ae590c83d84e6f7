"""Tables of as many flowers as a measurement needs."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from model.dataset import Dataset, Split, read_csv
from model.features import COLUMNS, MAX_CENTIMETRES, SPECIES_COLUMN
from tests.bench.stores import IRIS

_NOISE_CENTIMETRES = 0.2


def flowers(rows: int, seed: int = 0) -> Dataset:
    """So many flowers like those of the built-in table: drawn from it, and each measurement a little off."""
    table, rng = read_csv(IRIS), np.random.default_rng(seed)
    drawn = table.take(rng.integers(len(table), size=rows))
    noisy = drawn.X + rng.normal(0, _NOISE_CENTIMETRES, drawn.X.shape)
    return replace(drawn, name="flowers", X=np.clip(noisy, 0.01, MAX_CENTIMETRES).round(2))


def split_of(rows: int, validation_share: float = 0.1) -> Split:
    """So many rows to learn from, and in addition that share of them to watch."""
    table = flowers(rows + max(1, round(validation_share * rows)))
    training, validation = table.take(np.arange(rows)), table.take(np.arange(rows, len(table)))
    return Split(training, validation, validation)


def write_csv(table: Dataset, path: Path) -> None:
    """In the columns of the built-in table, but for the `Id`."""
    species = [table.species[label] for label in table.labels.tolist()]
    lines = (",".join([*map(str, row), name]) for row, name in zip(table.X.tolist(), species, strict=True))
    path.write_text("\n".join([",".join([*COLUMNS, SPECIES_COLUMN]), *lines, ""]))
