"""Killed, or refused by the disk, at each step of a write: the store stays sound. strace does it from outside."""

import errno
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from model.artifact import Artifact
from model.run import Status
from model.store import Store

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


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS], ids=errno.errorcode.get)
def test_refused_at_any_step_a_run_fails_with_the_reason_and_the_next_one_works(
    error: int, fresh: Callable[[], Store]
) -> None:
    steps = count_steps(fresh().root)
    for step in ("fsync", "rename"):
        for call in range(1, steps[step] + 1):
            store = fresh()
            old = str(store.current())
            refused = train(store.root, f"{step}:error={errno.errorcode[error]}:when={call}")
            assert_sound(recovered(store), old)
            if store.current() == old:  # else the disk refused when all but the last record was written
                assert 1 == refused.returncode
                assert "Traceback" not in refused.stderr
                assert {Status.FAILED} == {run.status for run in store.runs(1)}
                assert "The store cannot be written" in str(store.runs(1)[0].reason)
        assert 0 == train(store.root).returncode  # the next one works
        assert old != store.current()
