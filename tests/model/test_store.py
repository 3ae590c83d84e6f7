import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from model.artifact import Artifact, DatasetReference, digest, encode
from model.errors import ArtifactError, ModelError, NotStoredError, QueueFullError, UnsafeFileError
from model.hyperparameters import Hyperparameters
from model.run import Run, Status, failed, queued, started
from model.store import Store, created_at

UNKNOWN = "20260101T000000000000Z-0123456789abcdef"


def waiting() -> Run:
    return queued(Hyperparameters())


def begun() -> Run:
    return started(waiting(), DatasetReference("iris", 150, "0" * 64))


def ended() -> Run:
    return failed(begun(), "no reason")


def model_path(store: Store, version: str) -> Path:
    return store.root / "models" / f"{version}.safetensors"


def run_path(store: Store, run: Run) -> Path:
    return store.root / "runs" / f"{run.id}.json"


# Models.


def test_a_stored_model_is_the_same_when_it_comes_back(store: Store, small: Artifact) -> None:
    version = store.add_model(small)
    assert encode(small) == encode(store.model(version))
    assert encode(small) == model_path(store, version).read_bytes()


def test_a_version_is_the_time_and_the_digest(store: Store, small: Artifact) -> None:
    version = store.add_model(small)
    assert re.fullmatch(rf"\d{{8}}T\d{{12}}Z-{digest(encode(small))}", version)
    assert timedelta() <= datetime.now(UTC) - created_at(version) < timedelta(seconds=10)


def test_the_time_of_a_version_is_read_from_its_name() -> None:
    assert created_at("20261103T010203000045Z-0123456789abcdef") == datetime(2026, 11, 3, 1, 2, 3, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    "version",
    [UNKNOWN, "", ".", "..", "current", "../x", f"../models/{UNKNOWN}", f"{UNKNOWN}\n", f"/{UNKNOWN}", f"{UNKNOWN}\0"],
)
def test_no_model_is_stored_by_an_unknown_or_unsafe_name(store: Store, small: Artifact, version: str) -> None:
    store.promote(store.add_model(small))
    with pytest.raises(NotStoredError):
        store.model(version)


def test_a_model_by_the_digest_of_another_is_refused(store: Store, small: Artifact) -> None:
    model_path(store, store.add_model(small)).rename(model_path(store, UNKNOWN))
    with pytest.raises(ArtifactError, match=f"{UNKNOWN}: the bytes have the digest {digest(encode(small))}"):
        store.model(UNKNOWN)


def test_bytes_with_the_right_digest_that_are_no_artifact_are_refused(store: Store, small: Artifact) -> None:
    version = f"20260101T000000000000Z-{digest(b'no artifact')}"
    store.add_model(small)
    model_path(store, version).write_bytes(b"no artifact")
    with pytest.raises(ArtifactError):
        store.model(version)


def test_a_link_in_place_of_a_model_is_refused(store: Store, small: Artifact) -> None:
    path = model_path(store, store.add_model(small))
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")
    with pytest.raises(UnsafeFileError):
        store.model(path.stem)


def test_versions_are_told_newest_first_and_other_files_are_not(store: Store, small: Artifact) -> None:
    versions = [store.add_model(small) for _ in range(3)]
    for name in ("foreign.safetensors", f".{UNKNOWN}.safetensors", f"{UNKNOWN}.txt"):
        (store.root / "models" / name).write_bytes(b"")
    assert versions[::-1] == store.versions()


def test_an_empty_store_holds_nothing_and_makes_no_directory(store: Store) -> None:
    assert ([], None, [], []) == (store.versions(), store.current(), store.runs(10), store.pending())
    assert store.next_queued() is None
    assert not store.root.exists()


def test_the_promoted_version_is_current_until_another_is(store: Store, small: Artifact) -> None:
    first, second = store.add_model(small), store.add_model(small)
    assert store.current() is None
    for version in (first, second, first):
        store.promote(version)
        assert version == store.current() == Store(store.root).current()


def test_a_pointer_of_junk_points_to_no_model(store: Store) -> None:
    store.promote("x")
    (store.root / "current").write_bytes(b"\xff\xfe junk \n")
    current = store.current()
    assert current is not None
    with pytest.raises(NotStoredError):
        store.model(current)


def test_a_pointer_that_is_too_long_is_refused(store: Store) -> None:
    store.promote("x" * 300)
    with pytest.raises(UnsafeFileError):
        store.current()


# Records of runs.


def test_a_record_is_the_same_when_it_comes_back_and_the_last_one_counts(store: Store) -> None:
    run = waiting()
    store.save_run(run)
    assert run == store.run(run.id)
    run = begun()
    store.save_run(run)
    assert run == store.run(run.id)


@pytest.mark.parametrize("run_id", ["20260101T000000000000Z-01234567", "", "..", "../current", "/etc/passwd", "x\0"])
def test_no_run_is_stored_by_an_unknown_or_unsafe_name(store: Store, run_id: str) -> None:
    store.save_run(waiting())
    with pytest.raises(NotStoredError):
        store.run(run_id)


def test_runs_are_told_newest_first_and_no_more_than_asked_for(store: Store) -> None:
    runs = [waiting(), begun(), ended(), waiting()]
    for run in runs:
        store.save_run(run)
    assert runs[::-1] == store.runs(10)
    assert [runs[3], runs[2]] == store.runs(2)


def test_pending_runs_are_those_that_have_not_ended_oldest_first(store: Store) -> None:
    runs = [waiting(), begun(), ended(), waiting()]
    for run in runs:
        store.save_run(run)
    for _ in range(2):  # the second time, the store knows already which have ended
        assert [runs[0], runs[1], runs[3]] == store.pending()


def test_a_run_that_ends_is_pending_no_more(store: Store) -> None:
    run = begun()
    store.save_run(run)
    assert store.pending() == [run]
    Store(store.root).save_run(failed(run, "It was told by another process."))
    assert [] == store.pending()


def test_the_next_run_is_the_one_that_has_waited_longest(store: Store) -> None:
    runs = [ended(), begun(), waiting(), waiting()]
    for run in reversed(runs):
        store.save_run(run)
    assert runs[2] == store.next_queued()


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "half": lambda record: record[: len(record) // 2],
    "not JSON": lambda _: b"junk",
    "not UTF-8": lambda record: record.replace(b"queued", b"\xff\xfe"),
    "of another type": lambda _: b"[]",
    "an unknown status": lambda record: record.replace(b"queued", b"dreaming"),
    "hyperparameters beyond their limits": lambda record: record.replace(b'"epochs":100', b'"epochs":0'),
    "too deep": lambda record: record[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_record_is_not_stored_and_hides_no_other(store: Store, damage: Callable[[bytes], bytes]) -> None:
    runs = [waiting(), waiting(), waiting()]
    for run in runs:
        store.save_run(run)
    path = run_path(store, runs[1])
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(NotStoredError):
        store.run(runs[1].id)
    assert [runs[2], runs[0]] == store.runs(10)
    assert [runs[0], runs[2]] == store.pending()


@pytest.mark.parametrize(
    "put", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "directory", "link"]
)
def test_a_record_that_is_no_file_hides_no_other(store: Store, put: Callable[[Path], None]) -> None:
    run, strange = waiting(), waiting()
    store.save_run(run)
    put(run_path(store, strange))
    assert store.runs(10) == [run]
    with pytest.raises(ModelError):
        store.run(strange.id)


# The queue.


def test_the_queue_takes_as_many_as_it_may_and_no_more(store: Store) -> None:
    store.save_run(begun())
    store.save_run(ended())
    runs = [waiting(), waiting()]
    for run in runs:
        store.enqueue(run, limit=2)
    with pytest.raises(QueueFullError, match="2 runs wait already"):
        store.enqueue(waiting(), limit=2)
    assert runs == [run for run in store.pending() if run.status is Status.QUEUED]

    store.save_run(failed(runs[0], "It was told to."))
    store.enqueue(waiting(), limit=2)


def test_many_who_ask_at_once_do_not_overfill_the_queue(store: Store) -> None:
    def ask(_: int) -> bool:
        try:
            Store(store.root).enqueue(waiting(), limit=3)
        except QueueFullError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(ask, range(16)))
    assert 3 == taken.count(True)
    assert 3 == len(store.pending())


def test_the_first_run_is_queued_where_nothing_is_served_and_nothing_is_to_come(store: Store) -> None:
    run = waiting()
    assert store.enqueue_first(run, refused=None)
    assert store.pending() == [run]


@pytest.mark.parametrize("other", [waiting, begun])
def test_the_first_run_is_not_queued_where_another_is_to_come(store: Store, other: Callable[[], Run]) -> None:
    coming = other()
    store.save_run(coming)
    assert not store.enqueue_first(waiting(), refused=None)
    assert store.runs(10) == [coming]


def test_the_first_run_is_queued_where_the_last_ones_have_ended(store: Store) -> None:
    store.save_run(ended())
    assert store.enqueue_first(waiting(), refused=None)


@pytest.mark.parametrize(("refused", "wanted"), [(None, False), ("another", False), ("this", True)])
def test_the_first_run_is_queued_beside_a_current_model_only_if_that_is_refused(
    store: Store, refused: str | None, *, wanted: bool
) -> None:
    store.promote("this")
    assert wanted == store.enqueue_first(waiting(), refused)
    assert wanted == bool(store.runs(10))


# The training lock.


def try_to_train(store: Store) -> bool:
    with Store(store.root).training(timeout_seconds=0.05) as mine:
        return mine


def test_one_trains_at_a_time(store: Store) -> None:
    with ThreadPoolExecutor(1) as pool:
        with store.training(timeout_seconds=0) as mine:
            assert mine
            assert not pool.submit(try_to_train, store).result()
        assert pool.submit(try_to_train, store).result()


def test_the_lock_is_free_after_an_error(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.training(timeout_seconds=0):
        raise ZeroDivisionError
    assert try_to_train(store)


def test_who_does_not_mind_to_wait_gets_the_lock_when_it_is_free(store: Store) -> None:
    def wait() -> bool:
        with Store(store.root).training(timeout_seconds=-1) as mine:
            return mine

    with ThreadPoolExecutor(1) as pool:
        with store.training(timeout_seconds=0):
            waiter = pool.submit(wait)
            with pytest.raises(TimeoutError):
                waiter.result(timeout=0.2)
        assert waiter.result(timeout=10)


def test_who_trains_closes_first_what_others_have_begun_and_not_ended(store: Store) -> None:
    runs = [ended(), begun(), waiting()]
    for run in runs:
        store.save_run(run)
    with store.training(timeout_seconds=0):
        abandoned = store.run(runs[1].id)
    assert abandoned.status is Status.FAILED
    assert "The process that trained it ended unexpectedly." == abandoned.reason
    assert abandoned.finished_at is not None
    assert (runs[0], runs[2]) == (store.run(runs[0].id), store.run(runs[2].id))


def test_the_reason_for_closing_them_may_be_told(store: Store) -> None:
    run = begun()
    store.save_run(run)
    with store.training(timeout_seconds=0, abandoned="It was stopped."):
        pass
    assert "It was stopped." == store.run(run.id).reason


def test_who_does_not_get_the_lock_closes_nothing(store: Store) -> None:
    run = begun()
    with ThreadPoolExecutor(1) as pool, store.training(timeout_seconds=0):
        store.save_run(run)
        assert not pool.submit(try_to_train, store).result()
        assert run == store.run(run.id)


def test_a_sweep_of_the_store_removes_what_killed_writers_have_left(store: Store) -> None:
    store.save_run(waiting())
    leftover = store.root / "runs" / ".x.json.0123.tmp"
    leftover.write_bytes(b"{")
    store.sweep()
    assert not leftover.exists()
    assert 1 == len(store.runs(10))
