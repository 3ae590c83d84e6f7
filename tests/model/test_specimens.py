"""The rows of a model's table, as they are shown."""

from collections import Counter
from pathlib import Path

import pytest

from model.dataset import parse_csv
from model.hyperparameters import Hyperparameters
from model.pipeline import train
from model.specimens import MAX_SPECIMENS, specimens_of
from model.store import Store
from model.summary import Specimen, Specimens, summarize

IRIS = Path("data/Iris.csv")


def stored(store: Store, data: bytes, name: str = "mine") -> str:
    """The version of a model that has learned from a table, which is stored too."""
    with store.tables.draft() as draft:
        draft.write(data)
        store.tables.put(summarize(parse_csv(data, name, source=name)), draft, limit=9)
    return store.add_model(train(parse_csv(data, name, source=name), Hyperparameters(epochs=1))[0])


def shown(store: Store, version: str, built_in: Path = IRIS) -> Specimens:
    found = specimens_of(store, version, built_in)
    assert found is not None
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def table(rows: int, nudge: float) -> bytes:
    lines = [f"{5 + nudge:.3f},{3 + i % 9 / 10},{1 + i % 2 * 4},{1 + i / rows:.6f},{'ab'[i % 2]}" for i in range(rows)]
    return "\n".join(["sepal_length,sepal_width,petal_length,petal_width,species", *lines]).encode()


def test_every_row_is_shown_once_with_the_part_that_it_played_and_what_the_network_makes_of_it(store: Store) -> None:
    data = IRIS.read_bytes()
    version = store.add_model(train(parse_csv(data, "iris", source="iris"), Hyperparameters(epochs=30))[0])
    found, card = shown(store, version), store.model(version).card

    assert 150 == found.rows == len(found.specimens)
    assert Counter(training=114, validation=13, test=23) == Counter(row.part for row in found.specimens)
    for part in ("validation", "test"):
        rows = [row for row in found.specimens if row.part == part]
        right = sum(row.species == row.predicted for row in rows) / len(rows)
        assert pytest.approx(getattr(card.evaluation, part).accuracy) == right
    expected = Counter(tuple(x) for x in parse_csv(data, "iris", source="iris").X.tolist())
    assert expected == Counter(row.features for row in found.specimens)


def test_an_own_table_is_shown_and_not_the_built_in_one(store: Store) -> None:
    found = shown(store, stored(store, table(40, nudge=0.123)))

    assert 40 == found.rows
    assert {"a", "b"} == {row.species for row in found.specimens}


def test_rows_that_models_are_examined_on_are_held_back_from_the_training_rows(store: Store) -> None:
    header, *rows = IRIS.read_bytes().splitlines()
    own = b"\n".join([header, *reversed(rows)])  # dealt otherwise
    parts = Counter(row.part for row in shown(store, stored(store, own)).specimens)

    assert {"training", "held back", "validation", "test"} == set(parts)
    assert parts["held back"] + parts["training"] == 114


def test_of_a_long_table_some_rows_of_each_part_are_drawn_always_the_same(store: Store) -> None:
    version = stored(store, table(3 * MAX_SPECIMENS, nudge=0.123))
    found = shown(store, version)

    assert 3 * MAX_SPECIMENS == found.rows
    assert MAX_SPECIMENS - 5 <= len(found.specimens) <= MAX_SPECIMENS
    assert {"training", "validation", "test"} == {row.part for row in found.specimens}
    assert found == shown(store, version)


def test_of_a_table_that_is_gone_nothing_is_shown(store: Store, tmp_path: Path) -> None:
    version = stored(store, table(40, nudge=0.123))
    store.tables.delete("mine")

    assert specimens_of(store, version, IRIS) is None
    assert specimens_of(store, version, tmp_path / "none.csv") is None


def test_a_specimen_has_what_a_page_needs_to_draw_it(store: Store) -> None:
    row = shown(store, stored(store, table(40, nudge=0.123))).specimens[0]

    assert isinstance(row, Specimen)
    assert 4 == len(row.features)
    assert 0 <= row.confidence <= 1
