import time
from datetime import timedelta

import pytest

from model.artifact import Artifact, DatasetReference, encode
from model.dataset import Dataset
from model.errors import DatasetError, Problem, TrainingError
from model.evaluation import EpochScore
from model.hyperparameters import Hyperparameters
from model.job import perform
from model.pipeline import train
from model.run import Progress, Run, Status, queued
from model.store import Store
from tests.model.processes import no_file_longer_than


@pytest.fixture
def run(store: Store) -> Run:
    """A run of five epochs that waits in the store."""
    run = queued(Hyperparameters(epochs=5))
    store.save_run(run)
    return run


@pytest.fixture
def champion(store: Store, small: Artifact) -> str:
    """The model that serves before the run."""
    version = store.add_model(small)
    store.promote(version)
    return version


def test_a_run_ends_with_its_model_current_and_its_record_filled(store: Store, run: Run, iris: Dataset) -> None:
    last = perform(store, run, lambda: iris)

    artifact, history = train(iris, run.hyperparameters)
    assert last == store.run(run.id)
    assert (last.status, last.promoted, last.progress) == (Status.SUCCEEDED, True, Progress(5, 5))
    assert last.dataset == DatasetReference("iris", 150, iris.sha256)
    assert history == list(last.history)
    assert artifact.card.evaluation == last.evaluation
    assert last.model_version == store.current()
    assert [last.model_version] == store.versions()
    assert encode(artifact) == encode(store.model(store.versions()[0]))
    assert last.started_at is not None
    assert last.finished_at is not None
    assert run.created_at <= last.started_at <= last.finished_at
    assert last.finished_at - last.started_at < timedelta(seconds=30)
    assert last.reason


def test_a_better_known_model_is_succeeded_by_the_newest(store: Store, run: Run, champion: str, iris: Dataset) -> None:
    last = perform(store, run, lambda: iris)
    assert champion != store.current()
    assert [last.model_version, champion] == store.versions()


def test_the_report_hears_of_every_epoch_while_the_run_is_recorded_as_running(
    store: Store, run: Run, iris: Dataset
) -> None:
    heard: list[tuple[int, Status]] = []

    def report(score: EpochScore) -> None:
        heard.append((score.epoch, store.run(run.id).status))

    perform(store, run, lambda: iris, report)
    assert heard == [(epoch, Status.RUNNING) for epoch in range(1, 6)]


def test_the_record_says_how_far_the_run_is(store: Store, run: Run, iris: Dataset) -> None:
    recorded: list[Run] = []

    def slowly(score: EpochScore) -> None:
        recorded.append(store.run(run.id))
        time.sleep(0.12)

    last = perform(store, run, lambda: iris, slowly)
    assert [0, 1, 2, 3, 4] == [record.progress.epoch for record in recorded]
    assert all(last.history[: record.progress.epoch] == record.history for record in recorded)


def test_quick_epochs_are_not_each_recorded(store: Store, iris: Dataset) -> None:
    run = queued(Hyperparameters(hidden_layers=(), epochs=10))
    recorded: set[int] = set()
    perform(store, run, lambda: iris, lambda _: recorded.add(store.run(run.id).progress.epoch))
    assert len(recorded) < 10


def test_a_table_that_cannot_be_used_fails_the_run_and_the_champion_stays(
    store: Store, run: Run, champion: str
) -> None:
    error = DatasetError("flowers.csv", [Problem("the cell is empty", 7, "Species")])

    def load() -> Dataset:
        raise error

    last = perform(store, run, load)
    assert last == store.run(run.id)
    assert last.status is Status.FAILED
    assert "flowers.csv: row 7, column Species: the cell is empty" == last.reason
    assert last.finished_at is not None
    assert (None, False, None) == (last.model_version, last.promoted, last.evaluation)
    assert champion == store.current()
    assert [champion] == store.versions()


def test_a_fit_that_cannot_go_on_fails_the_run_and_the_champion_stays(
    store: Store, run: Run, champion: str, iris: Dataset
) -> None:
    def stop(score: EpochScore) -> None:
        if score.epoch == 3:
            raise TrainingError("The loss is not a number.")

    last = perform(store, run, lambda: iris, stop)
    assert last == store.run(run.id)
    assert (Status.FAILED, "The loss is not a number.") == (last.status, last.reason)
    assert champion == store.current()


def test_a_disk_that_refuses_fails_the_run_and_the_champion_stays(
    store: Store, run: Run, champion: str, iris: Dataset
) -> None:
    with no_file_longer_than(2500):  # a record of five epochs is shorter, an artifact longer
        last = perform(store, run, lambda: iris)
    assert last == store.run(run.id)
    assert (Status.FAILED, "The store cannot be written: File too large.") == (last.status, last.reason)
    assert champion == store.current()
    assert [champion] == store.versions()
    assert not list(store.root.rglob(".*"))


def test_a_directory_of_models_that_is_a_file_fails_the_run(store: Store, run: Run, iris: Dataset) -> None:
    (store.root / "models").write_bytes(b"")
    last = perform(store, run, lambda: iris)
    assert (Status.FAILED, "The store cannot be written: File exists.") == (last.status, last.reason)
    assert store.current() is None


def test_a_store_that_takes_no_record_either_is_an_os_error(store: Store, iris: Dataset) -> None:
    store.root.write_bytes(b"")
    with pytest.raises(OSError, match=str(store.root)):
        perform(store, queued(Hyperparameters(epochs=1)), lambda: iris)


def test_an_error_that_nobody_expected_is_not_hidden(store: Store, run: Run) -> None:
    def load() -> Dataset:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        perform(store, run, load)
