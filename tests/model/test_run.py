import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from model.artifact import Artifact, DatasetReference
from model.evaluation import EpochScore
from model.hyperparameters import Hyperparameters
from model.run import Progress, Run, Status, advanced, failed, queued, started, succeeded, timestamp

TABLE = DatasetReference("iris", 150, "0" * 64)
HISTORY = [EpochScore(epoch, 0.3, 0.5, 0.4, 0.6) for epoch in (1, 2, 3)]


def fresh() -> Run:
    return queued(Hyperparameters(epochs=10))


def is_now(moment: datetime | None) -> bool:
    return moment is not None and timedelta() <= datetime.now(UTC) - moment < timedelta(seconds=10)


def test_a_run_is_queued_with_its_recipe_and_nothing_done() -> None:
    run = fresh()
    assert run.status is Status.QUEUED
    assert is_now(run.created_at)
    assert run.progress == Progress(0, 10)
    assert (None, None, None, None) == (run.started_at, run.finished_at, run.dataset, run.evaluation)
    assert ((), None, False, None) == (run.history, run.model_version, run.promoted, run.reason)


def test_the_id_of_a_run_is_when_it_was_asked_for_and_sorts_so() -> None:
    runs = [fresh() for _ in range(20)]
    assert sorted(run.id for run in runs) == [run.id for run in runs]
    assert all(re.fullmatch(rf"{timestamp(run.created_at)}-[0-9a-f]{{8}}", run.id) for run in runs)


def test_a_started_run_knows_its_table_and_its_beginning() -> None:
    run = started(fresh(), TABLE)
    assert run.status is Status.RUNNING
    assert run.dataset == TABLE
    assert is_now(run.started_at)
    assert not run.ended


def test_an_advanced_run_has_done_as_many_epochs_as_its_history_has() -> None:
    run = advanced(started(fresh(), TABLE), HISTORY)
    assert run.progress == Progress(3, 10)
    assert run.history == tuple(HISTORY)
    assert run.status is Status.RUNNING


def test_a_succeeded_run_names_its_model_and_how_good_it_is(small: Artifact) -> None:
    before = advanced(started(fresh(), TABLE), HISTORY)
    run = succeeded(before, small.card.evaluation, "a version")
    assert run.status is Status.SUCCEEDED
    assert is_now(run.finished_at)
    assert run.evaluation == small.card.evaluation
    assert ("a version", True) == (run.model_version, run.promoted)
    assert (run.history, run.dataset, run.id) == (before.history, before.dataset, before.id)


def test_a_failed_run_says_why() -> None:
    run = failed(started(fresh(), TABLE), "The disk is full.")
    assert run.status is Status.FAILED
    assert is_now(run.finished_at)
    assert "The disk is full." == run.reason
    assert (None, False, None) == (run.model_version, run.promoted, run.evaluation)


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        (Status.QUEUED, False),
        (Status.RUNNING, False),
        (Status.SUCCEEDED, True),
        (Status.FAILED, True),
        (Status.CANCELLED, True),
    ],
)
def test_a_run_has_ended_when_it_succeeded_failed_or_was_cancelled(status: Status, *, ended: bool) -> None:
    assert ended == replace(fresh(), status=status).ended


def test_each_change_makes_a_new_record_and_leaves_the_old_one() -> None:
    run = fresh()
    before = msgspec.json.encode(run)
    started(run, TABLE)
    advanced(run, HISTORY)
    failed(run, "no")
    assert before == msgspec.json.encode(run)


def test_a_record_is_the_same_after_json(small: Artifact) -> None:
    run = succeeded(advanced(started(fresh(), TABLE), HISTORY), small.card.evaluation, "a version")
    assert run == msgspec.json.decode(msgspec.json.encode(run), type=Run)


def test_timestamps_go_to_the_microsecond() -> None:
    assert "20261103T010203000045Z" == timestamp(datetime(2026, 11, 3, 1, 2, 3, 45, tzinfo=UTC))
