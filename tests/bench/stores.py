"""Stores for the servers that the other scripts measure."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.dataset import read_csv
from model.hyperparameters import Hyperparameters
from model.pipeline import train
from model.store import Store

IRIS = Path("data/Iris.csv")


@contextmanager
def temporary_store() -> Iterator[Store]:
    """A store with one model that serves, so that a start need not train one."""
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory) / "artifacts")
        store.promote(add_model(store))
        yield store


def add_model(store: Store, seed: int = 0) -> str:
    """Train a model with the defaults and store it; its version."""
    return store.add_model(train(read_csv(IRIS), Hyperparameters(seed=seed))[0])
