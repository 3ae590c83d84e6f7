import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from model.artifact import Artifact, DatasetReference, encode
from model.dataset import Dataset, parse_csv
from model.errors import DatasetError, Problem, TrainingError, UnrecordedError
from model.evaluation import EpochScore
from model.hyperparameters import Hyperparameters
from model.job import perform
from model.pipeline import Circumstances, deal, train
from model.run import Policy, Progress, Run, Status, Terms, begun, queued
from model.store import Store
from model.summary import summarize
from tests.model.processes import no_file_longer_than
from tests.model.records import in_short
from tests.model.tables import IRIS, LINES, dataset, table

TERMS = Terms(IRIS, min_accuracy=0.5)
STRICT = Terms(IRIS, min_accuracy=1.0)


@pytest.fixture
def run(store: Store) -> Run:
    """A run of five epochs that has just begun."""
    return started(store)


def started(store: Store, promote: Policy = Policy.IF_GOOD, *, own: Dataset | None = None, epochs: int = 5) -> Run:
    run = begun(queued(Hyperparameters(epochs=epochs), promote))
    if own:
        run = replace(run, dataset=DatasetReference(own.name, len(own), own.sha256))
    store.save_run(run)
    return run


@pytest.fixture
def champion(store: Store, small: Artifact) -> str:
    """The model that serves before the run."""
    version = store.add_model(small)
    store.promote(version)
    return version


def test_a_run_ends_with_its_model_current_and_its_record_filled(store: Store, run: Run, iris: Dataset) -> None:
    last = perform(store, run, lambda: iris, TERMS)

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
    accuracy = artifact.card.evaluation.test.accuracy
    assert f"Accuracy {accuracy:.3f} on 23 rows of iris that were held back." == last.reason


def test_a_better_known_model_is_succeeded_by_the_newest(store: Store, run: Run, champion: str, iris: Dataset) -> None:
    last = perform(store, run, lambda: iris, TERMS)
    assert champion != store.current()
    assert [last.model_version, champion] == store.versions()


def test_the_report_hears_of_every_epoch_while_the_run_is_recorded_as_running(
    store: Store, run: Run, iris: Dataset
) -> None:
    heard: list[tuple[int, Status]] = []

    def report(score: EpochScore | None) -> None:
        assert score is not None
        heard.append((score.epoch, store.run(run.id).status))

    perform(store, run, lambda: iris, TERMS, report)
    assert heard == [(epoch, Status.RUNNING) for epoch in range(1, 6)]


def test_the_record_says_how_far_the_run_is(store: Store, run: Run, iris: Dataset) -> None:
    recorded: list[Run] = []
    heard = [time.monotonic()]

    def slowly(score: EpochScore | None) -> None:
        recorded.append(store.run(run.id))
        took = time.monotonic() - heard[-1]  # to record the last epoch, at most: the next waits ten times as long
        time.sleep(0.12 + 10 * took)
        heard.append(time.monotonic())

    last = perform(store, run, lambda: iris, TERMS, slowly)
    assert [0, 1, 2, 3, 4] == [record.progress.epoch for record in recorded]
    assert all(last.history[: record.progress.epoch] == record.history for record in recorded)


def test_quick_epochs_are_not_each_recorded(store: Store, iris: Dataset) -> None:
    run = begun(queued(Hyperparameters(hidden_layers=(), epochs=10)))
    recorded: set[int] = set()
    perform(store, run, lambda: iris, TERMS, lambda _: recorded.add(store.run(run.id).progress.epoch))
    assert len(recorded) < 10


def test_a_table_that_cannot_be_used_fails_the_run_and_the_champion_stays(
    store: Store, run: Run, champion: str
) -> None:
    error = DatasetError("flowers.csv", [Problem("the cell is empty", 7, "Species")])

    def load() -> Dataset:
        raise error

    last = perform(store, run, load, TERMS)
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
    def stop(score: EpochScore | None) -> None:
        if score and score.epoch == 3:
            raise TrainingError("The loss is not a number.")

    last = perform(store, run, lambda: iris, TERMS, stop)
    assert last == store.run(run.id)
    assert (Status.FAILED, "The loss is not a number.") == (last.status, last.reason)
    assert champion == store.current()


def test_a_disk_that_refuses_fails_the_run_and_the_champion_stays(
    store: Store, run: Run, champion: str, iris: Dataset
) -> None:
    with no_file_longer_than(2500):  # a record of five epochs is shorter, an artifact longer
        last = perform(store, run, lambda: iris, TERMS)
    assert last == store.run(run.id)
    assert (Status.FAILED, "The store cannot be written: File too large.") == (last.status, last.reason)
    assert champion == store.current()
    assert [champion] == store.versions()
    assert not list(store.root.rglob(".*"))


def test_a_directory_of_models_that_is_a_file_fails_the_run(store: Store, run: Run, iris: Dataset) -> None:
    (store.root / "models").write_bytes(b"")
    last = perform(store, run, lambda: iris, TERMS)
    assert (Status.FAILED, "The store cannot be written: File exists.") == (last.status, last.reason)
    assert store.current() is None


def test_where_the_failure_cannot_be_recorded_either_its_reason_is_not_lost(store: Store, iris: Dataset) -> None:
    store.root.write_bytes(b"")
    with pytest.raises(UnrecordedError, match=str(store.root)) as unrecorded:
        perform(store, begun(queued(Hyperparameters(epochs=1))), lambda: iris, TERMS)
    assert "The store cannot be written: Not a directory." == unrecorded.value.reason


def test_an_error_that_nobody_expected_is_not_hidden(store: Store, run: Run) -> None:
    def load() -> Dataset:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        perform(store, run, load, TERMS)


def test_too_little_memory_fails_the_run_and_the_champion_stays(store: Store, run: Run, champion: str) -> None:
    def load() -> Dataset:
        raise MemoryError

    last = perform(store, run, load, Terms(IRIS, max_memory_bytes=3 * 2**20))
    assert last == store.run(run.id)
    assert (Status.FAILED, None) == (last.status, last.model_version)
    assert "It needed more memory than the 3 MiB that it may take." == last.reason
    assert champion == store.current()


def test_what_is_known_of_a_model_is_kept_where_the_pointer_cannot_be_moved(
    store: Store, run: Run, iris: Dataset
) -> None:
    (store.root / "current").mkdir()
    last = perform(store, run, lambda: iris, TERMS)
    assert last == store.run(run.id)
    assert (Status.FAILED, False) == (last.status, last.promoted)
    assert "The store cannot be written: Is a directory." == last.reason
    assert [last.model_version] == store.versions()
    assert train(iris, run.hyperparameters)[0].card.evaluation == last.evaluation
    assert (5, Progress(5, 5)) == (len(last.history), last.progress)


# The gate.


def test_a_model_that_is_good_enough_becomes_current_and_the_figures_are_told(
    store: Store, run: Run, champion: str, small: Artifact, iris: Dataset
) -> None:
    last = perform(store, run, lambda: iris, TERMS)
    assert last.evaluation is not None
    got, had = (evaluation.test.accuracy for evaluation in (last.evaluation, small.card.evaluation))
    assert (Status.SUCCEEDED, True) == (last.status, last.promoted)
    expected = f"Accuracy {got:.3f} on 23 rows of iris that were held back; the current model has {had:.3f}."
    assert expected == last.reason
    assert [last.model_version, champion] == [reign.version for reign in store.succession()]
    assert [run.id, None] == [reign.run_id for reign in store.succession()]


def test_a_model_that_is_not_good_enough_is_kept_and_the_champion_stays(
    store: Store, run: Run, champion: str, iris: Dataset
) -> None:
    last = perform(store, run, lambda: iris, STRICT)
    assert last == store.run(run.id)
    model = train(iris, run.hyperparameters)[0]
    accuracy = model.card.evaluation.test.accuracy
    assert (Status.SUCCEEDED, False) == (last.status, last.promoted)
    expected = f"Accuracy {accuracy:.3f} on 23 rows of iris that were held back; at least 1 is needed."
    assert expected == last.reason
    assert champion == store.current()
    assert [last.model_version, champion] == store.versions()
    assert model.card.evaluation == last.evaluation
    assert encode(model) == encode(store.model(str(last.model_version)))


def test_a_model_worse_than_the_champion_is_kept_and_the_champion_stays(store: Store, iris: Dataset) -> None:
    store.promote(champion := store.add_model(train(iris, Hyperparameters())[0]))
    last = perform(store, started(store), lambda: iris, TERMS)
    assert (Status.SUCCEEDED, False) == (last.status, last.promoted)
    assert (
        "Accuracy 0.739 on 23 rows of iris that were held back; the current model has 0.957, "
        "of which at most 0.05 may be lost."
    ) == last.reason
    assert champion == store.current()


def test_a_model_that_shall_not_become_current_does_not_however_good(store: Store, iris: Dataset) -> None:
    last = perform(store, started(store, Policy.NEVER), lambda: iris, TERMS)
    assert (Status.SUCCEEDED, False) == (last.status, last.promoted)
    assert "It was asked not to become current, however good it is." == last.reason
    assert ([last.model_version], None) == (store.versions(), store.current())
    assert last.evaluation is not None


def test_a_model_that_shall_become_current_does_however_bad(store: Store, champion: str, iris: Dataset) -> None:
    last = perform(store, started(store, Policy.ALWAYS), lambda: iris, STRICT)
    assert (Status.SUCCEEDED, True) == (last.status, last.promoted)
    assert "It was asked to become current, however good it is." == last.reason
    assert last.model_version == store.current() != champion


DAMAGES = pytest.mark.parametrize(
    "damage",
    [lambda model: model.write_bytes(model.read_bytes()[:-1]), lambda model: model.write_bytes(b""), Path.unlink],
    ids=["cut", "empty", "gone"],
)


@DAMAGES
def test_where_the_champion_is_damaged_its_predecessor_is_compared_with(
    store: Store, champion: str, iris: Dataset, damage: Callable[[Path], object]
) -> None:
    """And not the model of a run that the gate has refused, though that is newer."""
    store.promote(predecessor := store.add_model(train(iris, Hyperparameters())[0]))
    store.promote(champion)
    damage(store.root / "models" / f"{champion}.safetensors")
    for _ in range(2):
        last = perform(store, started(store), lambda: iris, TERMS)
        assert (Status.SUCCEEDED, False) == (last.status, last.promoted)
        assert "the current model has 0.957, of which at most 0.05 may be lost." in str(last.reason)
    assert [champion, predecessor] == [reign.version for reign in store.succession()][:2]


@pytest.mark.parametrize("pointer", [b"\xff junk\n", b"x" * 2**17], ids=["junk", "too long"])
def test_where_the_pointer_is_damaged_the_newest_model_is_compared_with(
    store: Store, run: Run, iris: Dataset, pointer: bytes
) -> None:
    store.add_model(train(iris, Hyperparameters())[0])
    (store.root / "current").write_bytes(pointer)
    last = perform(store, run, lambda: iris, TERMS)
    assert not last.promoted
    assert "the current model has 0.957, of which at most 0.05 may be lost." in str(last.reason)


@DAMAGES
def test_where_no_model_is_sound_none_is_compared_with(
    store: Store, run: Run, champion: str, iris: Dataset, damage: Callable[[Path], object]
) -> None:
    damage(store.root / "models" / f"{champion}.safetensors")
    last = perform(store, run, lambda: iris, TERMS)
    assert (Status.SUCCEEDED, True) == (last.status, last.promoted)
    assert "Accuracy 0.739 on 23 rows of iris that were held back." == last.reason
    assert last.model_version == store.current()


# Tables of the user's own.


@pytest.fixture
def own(iris: Dataset) -> Dataset:
    """Iris in another order: it has the rows of the built-in table's exam among its training rows."""
    return replace(iris.take(np.random.default_rng(1).permutation(150)), name="own", sha256="1" * 64)


def test_a_model_of_an_own_table_passes_both_exams_and_learned_from_neither(
    store: Store, own: Dataset, iris: Dataset
) -> None:
    last = perform(store, started(store, own=own, epochs=50), lambda: own, TERMS)
    model, _ = train(own, Hyperparameters(epochs=50), circumstances=Circumstances(held_back=(deal(iris).test,)))
    assert last.evaluation is not None
    assert last.evaluation.training.rows < 114
    assert encode(model) == encode(store.model(str(last.model_version)))
    assert (True, DatasetReference("own", 150, "1" * 64)) == (last.promoted, last.dataset)
    told = [part.partition(" on ")[2] for part in str(last.reason).split(". ")]
    assert ["23 rows of iris that were held back", "23 rows of own that were held back."] == told


def test_a_model_that_is_wrong_on_the_built_in_table_is_refused(store: Store, own: Dataset, iris: Dataset) -> None:
    swapped = replace(own, labels=(own.labels + 1) % 3)
    last = perform(store, started(store, own=swapped, epochs=50), lambda: swapped, TERMS)
    assert (Status.SUCCEEDED, False) == (last.status, last.promoted)
    assert "on 23 rows of iris that were held back; at least 0.5 is needed." in str(last.reason)


def test_a_model_of_other_species_sits_its_own_exam_only(store: Store, own: Dataset) -> None:
    foreign = replace(own, species=("a", "b", "c"))
    last = perform(store, started(store, own=foreign, epochs=50), lambda: foreign, TERMS)
    assert last.promoted
    assert re.fullmatch(r"Accuracy \S+ on 23 rows of own that were held back\.", str(last.reason))


def test_a_model_of_other_species_does_not_follow_a_champion(store: Store, own: Dataset, champion: str) -> None:
    foreign = replace(own, species=("a", "b", "c"))
    last = perform(store, started(store, own=foreign), lambda: foreign, TERMS)
    assert (Status.SUCCEEDED, False) == (last.status, last.promoted)
    assert str(last.reason).startswith("It tells a, b, c, the current model Iris-setosa, ")
    assert champion == store.current()


def test_a_table_with_its_labels_swapped_does_not_follow_the_model_of_the_table_as_it_was(store: Store) -> None:
    def learn(labels: dict[str, str], promote: Policy) -> Run:
        lines = [LINES[0], *(",".join([*line.split(",")[:-1], labels[line.split(",")[-1]]]) for line in LINES[1:])]
        data = table(*lines)
        own = parse_csv(data, "garden", source="garden")
        with store.tables.draft() as draft:
            draft.write(data)
            store.tables.put(summarize(own), draft, limit=10)
        return perform(store, started(store, promote, own=own, epochs=60), lambda: own, TERMS)

    names = ("Iris-setosa", "Iris-versicolor", "Iris-virginica")
    assert learn(dict(zip(names, ("red", "blue", "white"), strict=True)), Policy.ALWAYS).promoted
    swapped = learn(dict(zip(names, ("blue", "white", "red"), strict=True)), Policy.IF_GOOD)
    again = learn(dict(zip(names, ("red", "blue", "white"), strict=True)), Policy.IF_GOOD)

    assert (Status.SUCCEEDED, False) == (swapped.status, swapped.promoted)
    refused = r"Accuracy 0\.0\d\d on 23 rows of garden that were held back; at least 0\.5 is needed\."
    assert re.fullmatch(refused, str(swapped.reason))
    assert again.promoted


def test_without_rows_that_stay_the_same_nothing_of_other_species_than_the_built_in_ones_is_let_in(
    store: Store, own: Dataset
) -> None:
    """The table that the current model has learned from was never stored here."""
    foreign = replace(own, species=("a", "b", "c"))
    perform(store, started(store, Policy.ALWAYS, own=foreign), lambda: foreign, TERMS)
    other = replace(foreign, sha256="2" * 64)
    last = perform(store, started(store, own=other), lambda: other, TERMS)
    assert not last.promoted
    assert str(last.reason).startswith("There are no rows that stay the same to compare it with the current model on")


def test_rows_that_stand_in_a_table_again_and_again_are_no_exam(store: Store) -> None:
    rng = np.random.default_rng(0)
    twelve = dataset([0, 1] * 6, X=rng.uniform(1, 8, size=(12, 4)))
    often = twelve.take(np.repeat(np.arange(12), 8))
    last = perform(store, started(store, own=often, epochs=60), lambda: often, TERMS)
    assert not last.promoted
    assert str(last.reason).startswith("No row of made up is left to examine it on that it has not learned from")


def test_a_table_of_nothing_but_rows_of_the_exam_fails_the_run(store: Store, iris: Dataset) -> None:
    held_back = replace(deal(iris).test, name="own")
    last = perform(store, started(store, own=held_back), lambda: held_back, TERMS)
    assert Status.FAILED is last.status
    expected = "a species has no rows left to learn from without those that are held back"
    assert expected == last.reason


# What is left behind.


def test_only_the_newest_models_and_runs_are_kept_beside_the_champion_and_its_predecessor(
    store: Store, small: Artifact, iris: Dataset
) -> None:
    models = [store.add_model(small) for _ in range(5)]
    runs = [perform(store, started(store, epochs=1), lambda: iris, STRICT) for _ in range(3)]
    store.promote(models[1])
    last = perform(store, started(store), lambda: iris, Terms(IRIS, min_accuracy=0.5, keep=2))
    assert last.model_version == store.current()
    assert [last.model_version, runs[2].model_version, models[1]] == store.versions()
    assert in_short(last, runs[2]) == store.runs(10)


def test_what_is_too_old_goes_though_the_run_fails(store: Store, small: Artifact) -> None:
    models = [store.add_model(small) for _ in range(3)]

    def load() -> Dataset:
        raise MemoryError

    perform(store, started(store), load, Terms(IRIS, keep=1))
    assert models[2:] == store.versions()


def test_a_wish_to_cancel_that_came_too_late_is_forgotten(store: Store, run: Run, iris: Dataset) -> None:
    def cancel(_: EpochScore | None) -> None:
        store.cancel(run.id)

    last = perform(store, run, lambda: iris, TERMS, cancel)
    assert Status.SUCCEEDED is last.status
    assert not store.cancel_asked(run.id)
    assert [f"{run.id}.json"] == [path.name for path in (store.root / "runs").iterdir()]
