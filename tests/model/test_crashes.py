"""Killed, or refused by the disk, at each step of a run: the store stays sound. strace does it from outside."""

import errno
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from model.artifact import Artifact
from model.store import Store
from tests.chaos import faults

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

# What a write is made of: the temporary file is locked when it is open, then synchronised, moved
# into its place, and its directory synchronised.
STEPS = ("flock", "fsync", "rename")
SCRIPT = (sys.executable, "-m", "model.train", "--epochs", "1", "--seed", "0", "--artifacts")


def train(root: Path, inject: str | None = None) -> "subprocess.CompletedProcess[str]":
    """The training script below strace, with something injected into its system calls."""
    log = root.with_name("strace.log")
    strace = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(STEPS)}"]
    injected = ["-e", f"inject={inject}"] if inject else []
    return subprocess.run([*strace, *injected, *SCRIPT, str(root)], capture_output=True, text=True, check=False)


def count_steps(root: Path) -> dict[str, int]:
    """How many calls of each kind a run makes that nothing is injected into."""
    assert 0 == train(root).returncode
    log = root.with_name("strace.log").read_text()
    return {step: len(re.findall(rf"^\d+ +{step}\(", log, re.MULTILINE)) for step in STEPS}


@pytest.fixture
def fresh(tmp_path: Path, small: Artifact) -> Callable[[], Store]:
    """A new store with one model, each time it is called."""

    def make() -> Store:
        shutil.rmtree(tmp_path, ignore_errors=True)
        store = Store(tmp_path / "artifacts")
        store.promote(store.add_model(small))
        return store

    return make


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


def test_killed_before_any_step_of_any_write_a_valid_model_serves(fresh: Callable[[], Store]) -> None:
    steps = count_steps(fresh().root)
    assert min(steps.values()) >= 5
    outcomes = set()
    for step, calls in steps.items():
        for call in range(1, calls + 1):
            store = fresh()
            old = str(store.current())
            assert 0 != train(store.root, f"{step}:signal=KILL:when={call}").returncode
            assert_sound(recovered(store), old)
            outcomes.add(store.current() == old)

    assert {True, False} == outcomes


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
