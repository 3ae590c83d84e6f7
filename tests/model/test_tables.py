"""Tables of users in the store: on content addresses, gone when nothing refers to them, never before."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock, patch

import pytest

from model.dataset import Dataset, parse_csv
from model.errors import (
    DatasetError,
    NotStoredError,
    TooManyDatasetsError,
    UnknownDatasetError,
    UnsafeFileError,
)
from model.files import Files
from model.hyperparameters import Hyperparameters
from model.job import perform, table_of
from model.run import Run, Status, Terms, begun, queued
from model.store import Store
from model.summary import DatasetSummary, summarize
from tests.model.tables import IRIS, LINES, table

TABLE = IRIS.read_bytes()
OTHER = table(*LINES[:-1])  # a row less
TERMS = Terms(IRIS)


def put(store: Store, name: str, data: bytes = TABLE, limit: int = 100) -> tuple[DatasetSummary, bool]:
    """Store a table, checked; what it holds, and whether its name is new."""
    summary = summarize(parse_csv(data, name, source=name))
    with store.tables.draft() as draft:
        draft.write(data)
        return summary, store.tables.put(summary, draft, limit)


def enqueue(store: Store, dataset: str) -> Run:
    return store.enqueue(queued(Hyperparameters(epochs=1)), limit=10, dataset=dataset)


def stored(store: Store) -> set[str]:
    """Digests of the tables on the disk."""
    return {path.stem for path in (store.root / "tables").iterdir()}


def test_a_summary_counts_rows_by_species_and_knows_the_extremes(iris: Dataset) -> None:
    expected = DatasetSummary(
        name="iris",
        rows=150,
        species={"Iris-setosa": 50, "Iris-versicolor": 50, "Iris-virginica": 50},
        ranges={
            "sepal_length": (4.3, 7.9),
            "sepal_width": (2.0, 4.4),
            "petal_length": (1.0, 6.9),
            "petal_width": (0.1, 2.5),
        },
        sha256=iris.sha256,
    )

    assert expected == summarize(iris)


def test_a_table_is_kept_byte_by_byte_under_its_digest(store: Store) -> None:
    summary, new = put(store, "mine")

    assert new
    assert {summary.sha256} == stored(store)
    assert store.tables.read(summary.sha256) == TABLE
    assert summary == store.tables.dataset("mine")
    assert [summary] == store.tables.datasets()


def test_a_name_put_again_points_to_the_new_table_and_the_old_one_goes(store: Store) -> None:
    put(store, "mine")
    summary, new = put(store, "mine", OTHER)

    assert not new
    assert summary == store.tables.dataset("mine")
    assert {summary.sha256} == stored(store)


def test_two_names_share_the_bytes_until_neither_refers_to_them(store: Store) -> None:
    summary, _ = put(store, "mine")
    put(store, "yours")

    assert {summary.sha256} == stored(store)
    store.tables.delete("mine")
    assert {summary.sha256} == stored(store)
    store.tables.delete("yours")
    assert set() == stored(store)


def test_datasets_are_listed_by_name(store: Store) -> None:
    for name in ("b", "a", "c-1", "c_1"):
        put(store, name)

    assert ["a", "b", "c-1", "c_1"] == [summary.name for summary in store.tables.datasets()]


def test_no_more_are_stored_than_are_allowed_to_but_one_may_be_replaced(store: Store) -> None:
    put(store, "a", limit=2)
    put(store, "b", limit=2)

    with pytest.raises(TooManyDatasetsError, match="2 datasets"):
        put(store, "c", OTHER, limit=2)
    assert not put(store, "b", OTHER, limit=2)[1]
    assert 2 == len(stored(store))


@pytest.mark.parametrize("name", ["", "missing", "../current", "A", "a\n", "a.json", "\0", "a" * 65])
def test_a_name_without_a_dataset_is_told(name: str, store: Store) -> None:
    put(store, "a")

    for ask in (store.tables.dataset, store.tables.open, store.tables.delete):
        with pytest.raises(NotStoredError):
            ask(name)
    with pytest.raises(UnknownDatasetError):
        enqueue(store, name)
    assert [] == store.pending()


def test_a_run_keeps_the_table_that_it_was_queued_with(store: Store) -> None:
    summary, _ = put(store, "mine")
    run = enqueue(store, "mine")
    other, _ = put(store, "mine", OTHER)

    assert {summary.sha256, other.sha256} == stored(store)
    assert 150 == len(table_of(store, run, TERMS))
    store.tables.delete("mine")
    assert {summary.sha256} == stored(store)

    begun_run = store.begin(run.id)
    assert begun_run
    done = perform(store, begun_run, lambda: table_of(store, begun_run, TERMS), TERMS)
    assert (Status.SUCCEEDED, "mine", 150) == (done.status, done.dataset and done.dataset.name, done.dataset.rows)  # type: ignore[union-attr]
    assert set() == stored(store)


@pytest.mark.parametrize(
    "end",
    [
        lambda store, run: store.cancel(run.id),
        lambda store, run: store.close(begun(run), "It crashed."),
        lambda store, run: perform(store, run, lambda: table_of(store, replace(run, dataset=None), TERMS), TERMS),
    ],
    ids=["cancelled", "crashed", "done"],
)
def test_however_a_run_ends_its_table_goes_if_nobody_else_needs_it(
    end: Callable[[Store, Run], object], store: Store
) -> None:
    put(store, "mine")
    run = enqueue(store, "mine")
    store.tables.delete("mine")
    assert 1 == len(stored(store))
    end(store, run)

    assert set() == stored(store)


def test_what_a_crash_between_table_and_record_has_left_is_swept_away(store: Store) -> None:
    put(store, "mine")
    orphan = store.root / "tables" / f"{'0' * 64}.csv"
    orphan.write_bytes(TABLE)
    leftover = store.root / "tables" / ".draft.0123456789abcdef.tmp"
    leftover.touch()
    store.sweep()

    assert not orphan.exists()
    assert not leftover.exists()
    assert 1 == len(stored(store))


def test_a_record_that_cannot_be_read_now_deletes_no_table(store: Store) -> None:
    put(store, "mine")
    with patch.object(store.tables, "dataset", side_effect=OSError(5, "Input/output error")):
        store.tables.collect()

    assert 1 == len(stored(store))


def test_queueing_and_deleting_at_the_same_time_never_lose_a_table(store: Store) -> None:
    """Whatever the order: either the run was refused or it has its table."""

    def attempt(_: int) -> None:
        put(store, "mine")
        with ThreadPoolExecutor(2) as pool:
            asked = pool.submit(enqueue, Store(store.root), "mine")
            pool.submit(store.tables.delete, "mine").result()
        if asked.exception() is None:
            run = asked.result()
            assert 150 == len(table_of(store, run, TERMS))
            store.cancel(run.id)
        else:
            assert isinstance(asked.exception(), UnknownDatasetError)
        assert set() == stored(store)

    for i in range(20):
        attempt(i)


def test_a_table_whose_bytes_have_changed_is_not_trained_on(store: Store) -> None:
    summary, _ = put(store, "mine")
    run = enqueue(store, "mine")
    (store.root / "tables" / f"{summary.sha256}.csv").write_bytes(OTHER)

    with pytest.raises(DatasetError, match="damaged"):
        table_of(store, run, TERMS)


@pytest.mark.parametrize(
    "record", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"name":"mine","rows":1,"species":{},"ranges":{},"sha256":".."}']
)
def test_a_damaged_record_hides_no_other_and_leads_nowhere(record: bytes, store: Store) -> None:
    put(store, "a")
    (store.root / "datasets" / "mine.json").write_bytes(record)

    assert ["a"] == [summary.name for summary in store.tables.datasets()]
    with pytest.raises(NotStoredError):
        store.tables.dataset("mine")
    store.tables.delete("mine")


def test_a_table_is_read_to_its_end_though_it_is_deleted_meanwhile(store: Store) -> None:
    put(store, "mine")
    with store.tables.open("mine") as file:
        store.tables.delete("mine")

        assert file.read() == TABLE


def test_a_table_replaced_while_it_is_opened_is_opened_as_it_is_now(store: Store) -> None:
    old, _ = put(store, "mine")
    new, _ = put(store, "mine", OTHER)
    with patch.object(store.tables, "dataset", side_effect=[old, new, new]), store.tables.open("mine") as file:
        assert file.read() == OTHER


def test_a_table_that_has_vanished_is_told_as_not_there(store: Store) -> None:
    summary, _ = put(store, "mine")
    (store.root / "tables" / f"{summary.sha256}.csv").unlink()

    with pytest.raises(NotStoredError):
        store.tables.open("mine")


def test_what_is_known_of_the_built_in_table_is_kept_by_its_digest(store: Store, iris: Dataset) -> None:
    assert store.tables.inspected(iris.sha256) is None
    summary = store.tables.remember(summarize(iris))

    assert summary.built_in
    assert summary == store.tables.inspected(iris.sha256)
    assert store.tables.inspected("0" * 64) is None
    assert [] == store.tables.datasets()


class TestDrafts:
    def test_a_draft_that_is_not_published_is_gone(self, tmp_path: Path) -> None:
        with Files(tmp_path).draft("folder") as draft:
            draft.write(b"something")
            assert 1 == len(list((tmp_path / "folder").iterdir()))

        assert [] == list((tmp_path / "folder").iterdir())

    def test_a_draft_is_gone_however_its_writing_ends(self, tmp_path: Path) -> None:
        with pytest.raises(KeyboardInterrupt), Files(tmp_path).draft("folder"):
            raise KeyboardInterrupt

        assert [] == list((tmp_path / "folder").iterdir())

    def test_a_draft_under_way_is_not_swept_away(self, tmp_path: Path) -> None:
        files = Files(tmp_path)
        with files.draft("folder") as draft:
            files.sweep()
            draft.write(b"bytes")
            files.publish(draft, "folder/name")

        assert files.read("folder/name", 10) == b"bytes"
        assert ["name"] == [path.name for path in (tmp_path / "folder").iterdir()]

    def test_a_draft_is_on_the_disk_before_it_has_its_name(self, tmp_path: Path) -> None:
        files, calls = Files(tmp_path), Mock()
        with (
            files.draft("folder") as draft,
            patch("os.fsync", calls.sync),
            patch("os.replace", calls.move),
        ):
            draft.write(b"bytes")
            files.publish(draft, "folder/name")

        assert ["sync", "move", "sync"] == [name for name, *_ in calls.mock_calls]

    def test_only_regular_files_are_opened(self, tmp_path: Path) -> None:
        files = Files(tmp_path)
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "link").symlink_to(IRIS)
        (tmp_path / "folder").mkdir()

        for name in ("pipe", "link", "folder"):
            with pytest.raises(UnsafeFileError):
                files.open(name)
