"""Killed, or refused by the disk, at each step of a run: the store stays sound. strace does it from outside."""

import errno
import shutil

import pytest

from model.artifact import Artifact
from model.store import Store
from tests.chaos import faults

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def recovered(store: Store) -> Store:
    """The store as the next start makes it."""
    store.sweep()
    with store.training(timeout_seconds=0) as mine:
        assert mine
    return store


def assert_sound(store: Store, old: str) -> None:
    """One valid model serves, the old or the new one; nothing is half-written; every run has ended."""
    current = str(store.current())
    store.model(current)
    assert current == old or old == store.succession()[1].version
    for version in store.versions():
        store.model(version)
    assert [] == list(store.root.rglob("*.tmp")) + list(store.root.rglob("*.cancel"))
    assert [] == store.pending()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, small: Artifact) -> Store:
    """A store with one model, to copy."""
    store = Store(tmp_path_factory.mktemp("served") / "artifacts")
    store.promote(store.add_model(small))
    return store


@pytest.fixture(scope="module")
def steps(served: Store) -> list[faults.Operation]:
    """Every file operation of a run in the store."""
    return faults.operations(served.root)


def test_killed_before_any_step_of_any_write_a_valid_model_serves(served: Store, steps: list[faults.Operation]) -> None:
    """A write opens, locks, writes and synchronises a temporary file, moves it, and synchronises the directory."""
    old, outcomes = str(served.current()), set()
    for step in steps:
        if step.call != "mkdir" and not step.about.endswith(".lock"):
            store = Store(faults.copied(served.root))
            ended, _ = faults.train(store.root, step.call, f"signal=KILL:when={step.number}")
            assert 0 != ended.returncode, step
            assert_sound(recovered(store), old)
            outcomes.add(store.current() == old)

    assert {True, False} == outcomes


def test_a_run_is_made_of_operations_of_every_kind(steps: list[faults.Operation]) -> None:
    assert set(faults.CALLS) == {step.call for step in steps}
    assert len(steps) > 40


@pytest.mark.parametrize("turn", range(3), ids=["ENOSPC", "EIO", "EROFS"])
def test_refused_at_any_step_a_run_fails_with_the_reason_and_the_next_one_works(
    turn: int, served: Store, steps: list[faults.Operation]
) -> None:
    """The errors take turns; tests.chaos.faults tries each of them at each step."""
    error = (errno.ENOSPC, errno.EIO, errno.EROFS)[turn]
    for step in steps[turn::3]:
        store = Store(faults.copied(served.root))
        outcome = faults.refuse(store.root, step, error)
        kept = faults.promises(store, str(served.current()), outcome, error)

        assert all(kept.values()), (step, kept, outcome)
    assert faults.next_run_works(store.root)
