"""Real processes, started as the service starts them."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from model.artifact import Artifact
from model.child import BUSY, PRELOAD, train
from model.dataset import Dataset
from model.hyperparameters import Hyperparameters
from model.run import Policy, Run, Status, Terms, queued
from model.store import Store
from tests.model.processes import eventually, first_line, python
from tests.model.tables import IRIS, with_cell

BRIEF = Hyperparameters(hidden_layers=(3,), epochs=2)
ENDLESS = Hyperparameters(hidden_layers=(64, 64), epochs=10_000)
LARGEST = Hyperparameters(hidden_layers=(512,) * 8, epochs=1)
TERMS = Terms(IRIS)
SHORT = Terms(IRIS, max_memory_bytes=128 * 2**20)

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(PRELOAD)


@pytest.fixture(scope="session", autouse=True)
def helpers_end() -> Iterator[None]:
    """See the fork server and the tracker off at the end, for else they outlive the tests and their coverage."""
    yield
    vars(forkserver)["_forkserver"]._stop()
    vars(resource_tracker)["_resource_tracker"]._stop()


def waiting(store: Store, hyperparameters: Hyperparameters = BRIEF) -> Run:
    run = queued(hyperparameters, Policy.ALWAYS)
    store.enqueue(run, limit=10)
    return run


def exit_status(store: Store, run: Run, terms: Terms = TERMS) -> int | None:
    child = started(store, run, terms)
    child.join(timeout=60)
    return child.exitcode


def started(
    store: Store, run: Run, terms: Terms = TERMS, last_words: Connection | None = None
) -> "multiprocessing.context.ForkServerProcess":
    child = CONTEXT.Process(target=train, args=(store.root, run.id, terms, last_words or CONTEXT.Pipe()[1]))
    child.start()
    return child


def test_a_child_does_the_run_and_records_how_it_went(store: Store, iris: Dataset) -> None:
    run = waiting(store)
    assert 0 == exit_status(store, run)
    done = store.run(run.id)
    assert done.status is Status.SUCCEEDED
    assert done.model_version == store.current()
    assert store.model(str(store.current())).card.dataset.sha256 == iris.sha256


def test_a_child_records_that_the_table_is_bad(store: Store, tmp_path: Path) -> None:
    table = tmp_path / "flowers.csv"
    table.write_bytes(with_cell(9, "PetalWidthCm", "wide"))
    run = waiting(store)
    assert 0 == exit_status(store, run, Terms(table))
    done = store.run(run.id)
    assert done.status is Status.FAILED
    assert f"{table}: row 9, column PetalWidthCm: not a number" in str(done.reason)
    assert store.current() is None


def test_a_child_is_busy_where_somebody_else_trains(store: Store) -> None:
    run = waiting(store)
    with store.training(timeout_seconds=0) as mine:
        assert mine
        assert exit_status(store, run) == BUSY
    assert run == store.run(run.id)


def test_a_child_is_busy_where_its_run_was_done_by_another(store: Store) -> None:
    run = waiting(store)
    assert 0 == exit_status(store, run)
    done, versions = store.run(run.id), store.versions()
    assert exit_status(store, run) == BUSY
    assert (done, versions) == (store.run(run.id), store.versions())


def test_a_child_that_is_killed_frees_the_lock_and_its_run_is_closed(store: Store) -> None:
    run = waiting(store, ENDLESS)
    child = started(store, run)
    try:
        assert eventually(lambda: store.run(run.id).progress.epoch > 0)
        with store.training(timeout_seconds=0) as mine:
            assert not mine
    finally:
        child.kill()
        child.join()
    with store.training(timeout_seconds=1) as mine:
        assert mine
    closed = store.run(run.id)
    assert (Status.FAILED, False) == (closed.status, closed.promoted)
    assert "The process that trained it ended unexpectedly." == closed.reason
    assert [] == store.versions()


def test_a_child_is_busy_where_its_run_was_cancelled(store: Store) -> None:
    run = waiting(store)
    cancelled = store.cancel(run.id)
    assert exit_status(store, run) == BUSY
    assert (cancelled, []) == (store.run(run.id), store.versions())


def test_a_child_judges_by_the_terms(store: Store) -> None:
    run = queued(BRIEF)
    store.enqueue(run, limit=10)
    assert 0 == exit_status(store, run, Terms(IRIS, min_accuracy=1.0))
    done = store.run(run.id)
    assert (Status.SUCCEEDED, False) == (done.status, done.promoted)
    assert str(done.reason).endswith("rows of iris that were held back; at least 1 is needed.")
    assert store.current() is None


# Memory.


def test_a_child_that_needs_more_memory_than_it_may_take_records_it(store: Store, small: Artifact) -> None:
    champion = store.add_model(small)
    store.promote(champion)
    run = waiting(store, LARGEST)
    exit_status(store, run, SHORT)  # not asserted: what measures coverage needs memory at the end as well
    done = store.run(run.id)
    assert (Status.FAILED, None) == (done.status, done.model_version)
    assert "It needed more memory than the 128 MiB that it may take." == done.reason
    assert champion == store.current()


def test_the_next_child_has_all_the_memory_that_it_may_take(store: Store) -> None:
    """The limit is the child's, not that of the fork server it came from."""
    short = waiting(store, LARGEST)
    exit_status(store, short, SHORT)
    assert Status.FAILED is store.run(short.id).status
    run = waiting(store, LARGEST)
    assert 0 == exit_status(store, run)
    assert Status.SUCCEEDED is store.run(run.id).status


# A disk that refuses.


def test_a_child_whose_failure_the_disk_does_not_take_says_why(store: Store) -> None:
    run = waiting(store, ENDLESS)
    receiver, sender = CONTEXT.Pipe(duplex=False)
    child = started(store, run, last_words=sender)
    assert eventually(lambda: store.run(run.id).progress.epoch > 0)
    psutil.Process(child.pid).rlimit(psutil.RLIMIT_FSIZE, (0, psutil.RLIM_INFINITY))
    child.join(timeout=20)
    assert 0 != child.exitcode
    assert receiver.recv_bytes() == b"The store cannot be written: File too large."
    assert Status.RUNNING is store.run(run.id).status


PARENT = """
import multiprocessing, sys, time
from pathlib import Path
from model.child import train
from model.run import Terms

if __name__ == "__main__":
    root, run_id, table, method = sys.argv[1:]
    context = multiprocessing.get_context(method)
    last_words = context.Pipe()[1]
    child = context.Process(target=train, args=(Path(root), run_id, Terms(Path(table)), last_words))
    child.start()
    print(child.pid, flush=True)
    time.sleep(60)
"""


def lives(pid: int) -> bool:
    """Whether there is such a process and it has not ended; nobody may be there to bury it."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


@pytest.mark.parametrize("state", [signal.SIGCONT, signal.SIGSTOP], ids=["running", "stopped"])
@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_a_child_dies_with_the_process_that_started_it(store: Store, method: str, state: signal.Signals) -> None:
    run = waiting(store, ENDLESS)
    with python(PARENT, store.root, run.id, IRIS, method) as parent:
        child = int(first_line(parent))
        try:
            assert eventually(lambda: store.run(run.id).status is Status.RUNNING)
            assert lives(child)
            os.kill(child, state)
            parent.kill()
            parent.wait()
            assert eventually(lambda: not lives(child), timeout_seconds=5)
        finally:
            if lives(child):
                os.kill(child, signal.SIGKILL)
    assert store.run(run.id).status is Status.RUNNING
    with store.training(timeout_seconds=1) as mine:
        assert mine
    assert store.run(run.id).status is Status.FAILED


def test_a_child_does_not_mind_the_ctrl_c_that_is_for_the_service(store: Store) -> None:
    run = waiting(store, ENDLESS)
    child = started(store, run)
    try:
        assert eventually(lambda: store.run(run.id).status is Status.RUNNING)
        epoch = store.run(run.id).progress.epoch
        os.kill(int(child.pid or 0), signal.SIGINT)
        assert eventually(lambda: store.run(run.id).progress.epoch > epoch)
        assert child.is_alive()
    finally:
        child.kill()
        child.join()


def test_to_name_the_target_loads_nothing_that_only_training_needs() -> None:
    with python("import sys, model.child; print(sorted({'pandas', 'tqdm', 'model.job'} & sys.modules.keys()))") as it:
        assert "[]" == first_line(it)
