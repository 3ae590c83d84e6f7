"""What the store keeps of runs beside their records: ends that the disk does not take, wishes to cancel."""

from collections.abc import Callable
from pathlib import Path

import pytest

from model.hyperparameters import Hyperparameters
from model.run import Run, Status, begun, failed, queued
from model.store import Store
from tests.model.processes import no_file_longer_than
from tests.model.records import in_short

FULL = "The store cannot be written: No space left on device."


@pytest.fixture
def run(store: Store) -> Run:
    """A run that a process has begun."""
    run = begun(queued(Hyperparameters()))
    store.save_run(run)
    return run


def marker(store: Store, run: Run) -> Path:
    return store.root / "runs" / f"{run.id}.cancel"


# Ends that are announced.


def test_an_announced_end_is_told_though_the_disk_does_not_take_it(store: Store, run: Run) -> None:
    stamp = store.run_stamp(run.id)
    end = store.announce_end(run.id, FULL)
    with no_file_longer_than(0), pytest.raises(OSError, match="File too large"):
        store.record_announced()

    assert (Status.FAILED, FULL) == (end.status, end.reason)
    assert end == store.run(run.id)
    assert stamp != store.run_stamp(run.id)
    assert in_short(end) == store.runs(10)
    assert [] == store.pending()
    assert run == Store(store.root).run(run.id)


def test_an_announced_end_is_recorded_as_it_was_told(store: Store, run: Run) -> None:
    end = store.announce_end(run.id, FULL)
    stamp = store.run_stamp(run.id)
    store.record_announced()

    assert end == store.run(run.id) == Store(store.root).run(run.id)
    assert stamp != store.run_stamp(run.id)


def test_who_knows_the_reason_has_the_last_word(store: Store, run: Run) -> None:
    end = store.announce_end(run.id, FULL)
    with Store(store.root).training(timeout_seconds=0):
        pass  # another worker closes what it takes to be abandoned
    store.record_announced()

    assert end == Store(store.root).run(run.id)


def test_an_end_that_is_recorded_is_announced_as_it_is(store: Store, run: Run) -> None:
    end = failed(run, "It was too late.")
    store.save_run(end)

    assert end == store.announce_end(run.id, FULL) == store.run(run.id)


def test_a_run_whose_end_was_wished_for_is_announced_as_cancelled(store: Store, run: Run) -> None:
    store.cancel(run.id)
    end = store.announce_end(run.id, FULL)
    store.record_announced()

    assert Status.CANCELLED is end.status
    assert not marker(store, run).exists()


# Wishes to cancel.


@pytest.mark.parametrize(
    "clean_up", [Store.sweep, lambda store: store.prune(keep=10)], ids=["at a start", "after a run"]
)
def test_a_wish_that_came_the_moment_after_the_end_is_forgotten(
    store: Store, run: Run, clean_up: Callable[[Store], None]
) -> None:
    going_on, gone = begun(queued(Hyperparameters())), begun(queued(Hyperparameters()))
    store.save_run(going_on)
    store.cancel(going_on.id)
    store.save_run(failed(run, "It ended."))
    for late in (run, gone):  # of one the record is not there any more
        marker(store, late).touch()
    clean_up(store)

    assert [marker(store, going_on)] == list(store.root.rglob("*.cancel"))
    assert store.cancel_asked(going_on.id)
