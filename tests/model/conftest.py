"""What the tests of `model` share: Fisher's table, a small artifact, an empty store."""

from pathlib import Path

import pytest
from hypothesis import settings

from model.artifact import Artifact
from model.dataset import Dataset, read_csv
from model.hyperparameters import Hyperparameters
from model.pipeline import train
from model.store import Store
from tests.model.tables import IRIS

# No deadline, for machines differ; the same inputs each time, for a test that passed must pass again.
settings.register_profile("model", deadline=None, derandomize=True, database=None)
settings.load_profile("model")


@pytest.fixture(scope="session")
def iris() -> Dataset:
    return read_csv(IRIS)


@pytest.fixture(scope="session")
def small(iris: Dataset) -> Artifact:
    """An artifact of a few hundred numbers, trained for a moment."""
    return train(iris, Hyperparameters(hidden_layers=(3,), epochs=2))[0]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "artifacts")
