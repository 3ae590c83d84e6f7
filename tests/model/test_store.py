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
from model.run import Run, Status, cancelled, failed, informed, queued, stored
from model.run import begun as taken_on
from model.store import Store, created_at
from model.succession import Reign
from tests.model.records import in_short

UNKNOWN = "20260101T000000000000Z-0123456789abcdef"


def waiting() -> Run:
    return queued(Hyperparameters())


def begun() -> Run:
    return informed(taken_on(waiting()), DatasetReference("iris", 150, "0" * 64))


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


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pointer: pointer.write_bytes(b"\xff\xfe junk \n"),
        lambda pointer: pointer.write_bytes(b"x" * 2**17),
        lambda pointer: pointer.symlink_to("elsewhere"),
        os.mkfifo,
    ],
    ids=["junk", "too long", "link", "pipe"],
)
def test_a_damaged_pointer_points_to_no_model_until_the_next_is_promoted(
    store: Store, small: Artifact, spoil: Callable[[Path], object]
) -> None:
    version = store.add_model(small)
    spoil(store.root / "current")
    current = store.current()
    assert current is not None
    with pytest.raises(NotStoredError):
        store.model(current)
    assert [] == store.succession()

    store.promote(version)
    assert version == store.current()


@pytest.mark.parametrize("version", [UNKNOWN, "", "current", "../current", f"{UNKNOWN} 2026-01-01", f"{UNKNOWN}\n"])
def test_a_version_that_is_not_stored_is_not_promoted(store: Store, small: Artifact, version: str) -> None:
    stored_one = store.add_model(small)
    store.promote(stored_one)
    with pytest.raises(NotStoredError, match=re.escape(f"{version!r} is not stored")):
        store.promote(version)
    assert stored_one == store.current()
    assert 1 == len(store.succession())


def test_nothing_is_promoted_in_an_empty_store(store: Store) -> None:
    with pytest.raises(NotStoredError):
        store.promote(UNKNOWN)
    assert store.current() is None


# The succession.


def test_the_succession_tells_who_served_since_when_and_by_which_run_newest_first(
    store: Store, small: Artifact
) -> None:
    first, second = store.add_model(small), store.add_model(small)
    began = datetime.now(UTC)
    for version, run_id in ((first, "run-1"), (second, None), (first, "run-3")):
        store.promote(version, run_id)
    reigns = store.succession()
    assert [(first, "run-3"), (second, None), (first, "run-1")] == [(reign.version, reign.run_id) for reign in reigns]
    moments = [reign.since for reign in reigns]
    assert began <= moments[2] <= moments[1] <= moments[0] <= datetime.now(UTC)
    assert reigns == Store(store.root).succession()


def test_a_store_of_which_nobody_served_has_no_succession(store: Store, small: Artifact) -> None:
    assert [] == store.succession()
    store.add_model(small)
    assert [] == store.succession()


def test_lines_written_by_hand_hide_no_other(store: Store, small: Artifact) -> None:
    first, second = store.add_model(small), store.add_model(small)
    store.promote(first)
    [reign] = store.succession()
    pointer = store.root / "current"
    pointer.write_text(f"{second}\n\n# a note of mine\n{second} yesterday run\n" + pointer.read_text())
    assert second == store.current()
    assert [reign] == store.succession()

    store.promote(first, "run")
    assert [(first, "run"), (first, None)] == [(found.version, found.run_id) for found in store.succession()]


def test_a_version_that_is_current_is_not_its_own_successor(store: Store, small: Artifact) -> None:
    first, second = store.add_model(small), store.add_model(small)
    store.promote(first)
    store.promote(second, "run")
    succession = store.succession()
    for _ in range(3):
        store.promote(second)
    assert succession == store.succession()


def test_a_version_named_by_hand_gets_its_place_in_the_line_when_it_is_promoted(store: Store, small: Artifact) -> None:
    version = store.add_model(small)
    (store.root / "current").write_text(f"{version}\n")
    store.promote(version)
    assert [version] == [reign.version for reign in store.succession()]


def test_a_note_in_another_alphabet_does_not_grow_with_every_promotion(store: Store, small: Artifact) -> None:
    versions = [store.add_model(small) for _ in range(2)]
    store.promote(versions[1])
    with (store.root / "current").open("ab") as pointer:
        pointer.write("# größer ist nicht besser\n".encode())
    for served in range(2, 15):
        store.promote(versions[served % 2])
        assert versions[served % 2] == store.current()
        assert served == len(store.succession())


def test_the_succession_goes_back_two_hundred_promotions_and_no_further(store: Store, small: Artifact) -> None:
    first, second = store.add_model(small), store.add_model(small)
    moment = "2026-01-01T00:00:00+00:00"
    lines = [f"{first} {moment} run-{i}\n" for i in range(200)]
    (store.root / "current").write_text("".join(lines))
    assert Reign(first, datetime.fromisoformat(moment), "run-199") == store.succession()[-1]

    store.promote(second, "run")
    assert ["run", *(f"run-{i}" for i in range(199))] == [reign.run_id for reign in store.succession()]
    assert 200 == len((store.root / "current").read_text().splitlines())


def test_two_hundred_of_the_longest_lines_can_be_read_again(store: Store, small: Artifact) -> None:
    version, other, run = store.add_model(small), store.add_model(small), waiting()
    line = f"{other} {datetime.now(UTC).isoformat()} {run.id}\n"
    (store.root / "current").write_text(line * 200)
    store.promote(version, run.id)
    assert 200 == len(store.succession())


def test_promotions_at_the_same_time_are_all_remembered(store: Store, small: Artifact) -> None:
    versions = [store.add_model(small) for _ in range(20)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: Store(store.root).promote(versions[i], f"run-{i}"), range(20)))
    assert {f"run-{i}" for i in range(20)} == {reign.run_id for reign in store.succession()}


# Pruning.


def test_the_newest_models_are_kept_with_the_current_one_and_its_predecessor(store: Store, small: Artifact) -> None:
    versions = [store.add_model(small) for _ in range(7)]
    for served in (0, 2, 1, 2):
        store.promote(versions[served])
    store.prune(keep=2)
    # 0 served too, but longer ago.
    assert [versions[i] for i in (6, 5, 2, 1)] == store.versions()


def test_a_predecessor_is_another_model_and_not_the_same_once_more(store: Store, small: Artifact) -> None:
    versions = [store.add_model(small) for _ in range(4)]
    for served in (0, 1, 1, 1):
        store.promote(versions[served])
    store.prune(keep=1)
    assert [versions[i] for i in (3, 1, 0)] == store.versions()


def test_pruning_spares_runs_that_have_not_ended_and_forgets_the_oldest_others(store: Store) -> None:
    runs = [waiting(), ended(), begun(), ended(), ended(), waiting()]
    for run in runs:
        store.save_run(run)
    store.prune(keep=2)
    assert in_short(*(runs[i] for i in (5, 4, 3, 2, 0))) == store.runs(10)
    assert [runs[i] for i in (0, 2, 5)] == store.pending()


def test_pruning_keeps_what_ended_last_whenever_it_was_asked_for(store: Store) -> None:
    long, *others = [taken_on(waiting()) for _ in range(4)]
    for run in (*others, long):
        store.save_run(failed(run, "no reason"))
        store.prune(keep=2)
    assert [others[2].id, long.id] == [run.id for run in store.runs(10)]


def test_runs_that_never_began_push_out_only_their_like(store: Store) -> None:
    done, never_begun = [ended() for _ in range(3)], [cancelled(waiting()) for _ in range(4)]
    for run in (*done, *never_begun):
        store.save_run(run)
    store.prune(keep=2)
    assert in_short(*never_begun[:1:-1], *done[:0:-1]) == store.runs(10)


def test_pruning_keeps_the_runs_of_the_current_model_and_its_predecessor(store: Store, small: Artifact) -> None:
    runs = [ended() for _ in range(5)]
    for run in runs:
        store.save_run(run)
    for i in (0, 1, 2):
        store.promote(store.add_model(small), runs[i].id)
    store.prune(keep=1)
    assert in_short(*(runs[i] for i in (4, 2, 1))) == store.runs(10)


def test_pruning_leaves_a_record_that_cannot_be_read(store: Store) -> None:
    damaged, *others = [ended() for _ in range(3)]
    for run in (damaged, *others):
        store.save_run(run)
    run_path(store, damaged).write_bytes(b"")
    store.prune(keep=1)
    assert [run_path(store, others[1]), run_path(store, damaged)] == sorted(store.root.rglob("*.json"), reverse=True)


def test_pruning_deletes_nothing_where_less_is_stored_than_is_kept(store: Store, small: Artifact) -> None:
    versions, run = [store.add_model(small) for _ in range(3)], ended()
    store.save_run(run)
    store.prune(keep=3)
    assert (versions[::-1], in_short(run)) == (store.versions(), store.runs(10))


def test_pruning_leaves_what_is_not_ours(store: Store, small: Artifact) -> None:
    store.add_model(small)
    foreign = store.root / "models" / "foreign.safetensors"
    foreign.write_bytes(b"")
    store.prune(keep=1)
    assert foreign.exists()


def test_pruning_an_empty_store_is_no_error(store: Store) -> None:
    store.prune(keep=1)
    assert ([], []) == (store.versions(), store.runs(10))


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
    assert in_short(*runs[::-1]) == store.runs(10)
    assert in_short(runs[3], runs[2]) == store.runs(2)


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
    assert in_short(runs[2], runs[0]) == store.runs(10)
    assert [runs[0], runs[2]] == store.pending()


@pytest.mark.parametrize(
    "put", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "directory", "link"]
)
def test_a_record_that_is_no_file_hides_no_other(store: Store, put: Callable[[Path], None]) -> None:
    run, strange = waiting(), waiting()
    store.save_run(run)
    put(run_path(store, strange))
    assert in_short(run) == store.runs(10)
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
    assert in_short(coming) == store.runs(10)


def test_the_first_run_is_queued_where_the_last_ones_have_ended(store: Store) -> None:
    store.save_run(ended())
    assert store.enqueue_first(waiting(), refused=None)


@pytest.mark.parametrize(("refused", "wanted"), [(None, False), ("another", False), ("this", True)])
def test_the_first_run_is_queued_beside_a_current_model_only_if_that_is_refused(
    store: Store, small: Artifact, refused: str | None, *, wanted: bool
) -> None:
    version = store.add_model(small)
    store.promote(version)
    assert wanted == store.enqueue_first(waiting(), version if refused == "this" else refused)
    assert wanted == bool(store.runs(10))


# Beginning, cancelling, closing.


def cancel_path(store: Store, run: Run) -> Path:
    return store.root / "runs" / f"{run.id}.cancel"


def test_a_run_is_taken_out_of_the_queue_once(store: Store) -> None:
    run = waiting()
    store.enqueue(run, limit=1)
    taken = store.begin(run.id)
    assert taken == store.run(run.id)
    assert taken is not None
    assert (Status.RUNNING, run.id) == (taken.status, taken.id)
    assert store.begin(run.id) is None
    assert store.next_queued() is None
    assert taken == store.run(run.id)


def test_of_many_who_want_to_begin_a_run_one_does(store: Store) -> None:
    run = waiting()
    store.enqueue(run, limit=1)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: Store(store.root).begin(run.id), range(8)))
    assert [store.run(run.id)] == [run for run in taken if run]


@pytest.mark.parametrize("other", [begun, ended])
def test_a_run_that_does_not_wait_is_not_begun(store: Store, other: Callable[[], Run]) -> None:
    run = other()
    store.save_run(run)
    assert store.begin(run.id) is None
    assert run == store.run(run.id)


def test_a_run_that_nobody_asked_for_is_not_begun_and_not_cancelled(store: Store) -> None:
    for do in (store.begin, store.cancel):
        with pytest.raises(NotStoredError):
            do(waiting().id)


def test_a_run_that_waits_is_cancelled_at_once(store: Store) -> None:
    run = waiting()
    store.enqueue(run, limit=1)
    cancelled = store.cancel(run.id)
    assert cancelled == store.run(run.id)
    assert (Status.CANCELLED, "It was cancelled.") == (cancelled.status, cancelled.reason)
    assert store.begin(run.id) is None
    assert not store.cancel_asked(run.id)
    assert not cancel_path(store, run).exists()


def test_the_end_of_a_run_that_runs_is_asked_for(store: Store) -> None:
    run = begun()
    store.save_run(run)
    assert not store.cancel_asked(run.id)
    for _ in range(2):  # to ask twice is no error
        assert run == store.cancel(run.id) == store.run(run.id)
        assert store.cancel_asked(run.id)
        assert Store(store.root).cancel_asked(run.id)


def test_a_wish_to_cancel_is_no_run(store: Store) -> None:
    run = begun()
    store.save_run(run)
    store.cancel(run.id)
    assert [run] == store.pending()
    assert in_short(run) == store.runs(10)


def test_a_run_that_has_ended_stays_as_it_is(store: Store) -> None:
    run = ended()
    store.save_run(run)
    assert run == store.cancel(run.id) == store.run(run.id)
    assert not store.cancel_asked(run.id)


def test_a_run_that_broke_off_is_closed_as_failed(store: Store) -> None:
    run = begun()
    store.save_run(run)
    closed = store.close(run, "It was hit by lightning.")
    assert closed == store.run(run.id)
    assert (Status.FAILED, "It was hit by lightning.") == (closed.status, closed.reason)
    assert closed.finished_at is not None
    assert [] == store.pending()


def test_a_run_that_broke_off_because_that_was_asked_for_is_closed_as_cancelled(store: Store) -> None:
    run = begun()
    store.save_run(run)
    store.cancel(run.id)
    closed = store.close(run, "It was killed.")
    assert closed == store.run(run.id)
    assert (Status.CANCELLED, "It was cancelled.") == (closed.status, closed.reason)
    assert not store.cancel_asked(run.id)
    assert not cancel_path(store, run).exists()


@pytest.mark.parametrize("asked", [False, True], ids=["", "though its end was asked for"])
def test_a_run_whose_model_is_current_already_is_closed_as_succeeded(
    store: Store, small: Artifact, *, asked: bool
) -> None:
    version = store.add_model(small)
    run = stored(begun(), small.card, version)
    store.save_run(run)
    store.promote(version, run.id)
    if asked:
        store.cancel(run.id)
    closed = store.close(run, "It was killed.")
    assert closed == store.run(run.id)
    assert (Status.SUCCEEDED, True) == (closed.status, closed.promoted)
    assert "Its model was made current." == closed.reason
    assert (small.card.evaluation, version) == (closed.evaluation, closed.model_version)
    assert not cancel_path(store, run).exists()


def test_a_run_whose_model_has_a_successor_by_now_is_closed_as_succeeded(store: Store, small: Artifact) -> None:
    version, other = store.add_model(small), store.add_model(small)
    run = stored(begun(), small.card, version)
    store.promote(version, run.id)
    store.promote(other)
    assert Status.SUCCEEDED is store.close(run, "It was killed.").status


def test_a_run_whose_model_is_stored_but_was_not_promoted_is_closed_as_failed_and_keeps_it(
    store: Store, small: Artifact
) -> None:
    version = store.add_model(small)
    run = stored(begun(), small.card, version)
    store.promote(version, waiting().id)  # somebody else's doing
    closed = store.close(run, "It was killed.")
    assert (Status.FAILED, False, "It was killed.") == (closed.status, closed.promoted, closed.reason)
    assert (small.card.evaluation, version) == (closed.evaluation, closed.model_version)


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


def test_who_trains_closes_each_as_it_ended_and_tells_of_it(store: Store, small: Artifact) -> None:
    version = store.add_model(small)
    crashed, unwanted, done = begun(), begun(), stored(begun(), small.card, version)
    for run in (crashed, unwanted, done):
        store.save_run(run)
    store.cancel(unwanted.id)
    store.promote(version, done.id)
    told: list[Run] = []
    with store.training(timeout_seconds=0, told=told.append):
        closed = [store.run(run.id) for run in (crashed, unwanted, done)]
    assert [Status.FAILED, Status.CANCELLED, Status.SUCCEEDED] == [run.status for run in closed]
    assert closed == told
    assert [] == list((store.root / "runs").glob("*.cancel"))


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
    leftover = store.root / "runs" / ".x.json.0123456789abcdef.tmp"
    leftover.write_bytes(b"{")
    store.sweep()
    assert not leftover.exists()
    assert 1 == len(store.runs(10))
