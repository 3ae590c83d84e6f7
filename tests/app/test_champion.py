"""The model that serves follows the pointer, and only to what is sound."""

from pathlib import Path

import pytest

from app.champion import Champion
from app.errors import NoModelError
from app.monitoring import Monitor
from model.artifact import Artifact
from model.store import Store


@pytest.fixture
def monitor() -> Monitor:
    return Monitor()


@pytest.fixture
def champion(store: Store, monitor: Monitor) -> Champion:
    champion = Champion(store, monitor)
    champion.refresh()
    return champion


def failures(monitor: Monitor) -> float:
    return monitor.counters()["iris_model_load_failures_total"][0].value


def damage(store: Store, version: str) -> None:
    path = store.root / "models" / f"{version}.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")


def test_there_is_no_model_where_the_store_has_none(tmp_path: Path, monitor: Monitor) -> None:
    champion = Champion(Store(tmp_path), monitor)
    champion.refresh()

    assert champion.model is None
    with pytest.raises(NoModelError):
        _ = champion.serving


def test_the_current_model_serves(champion: Champion, store: Store) -> None:
    assert store.current() == champion.serving.version


def test_a_moved_pointer_is_followed(champion: Champion, store: Store, artifact: Artifact) -> None:
    version = store.add_model(artifact)
    store.promote(version)
    champion.refresh()

    assert version == champion.serving.version


def test_a_pointer_that_has_not_moved_loads_nothing_again(champion: Champion) -> None:
    before = champion.serving
    champion.refresh()

    assert before is champion.serving


def test_a_damaged_model_is_refused_and_counted_once_and_the_old_one_serves_on(
    champion: Champion, store: Store, artifact: Artifact, monitor: Monitor
) -> None:
    serving = champion.serving
    version = store.add_model(artifact)
    damage(store, version)
    store.promote(version)
    for _ in range(3):
        champion.refresh()

    assert serving is champion.serving
    assert version == champion.refused
    assert 1 == failures(monitor)


def test_a_pointer_to_nothing_is_refused(champion: Champion, store: Store) -> None:
    serving = champion.serving
    for nothing in ("../../etc/passwd", "", "20260101T000000000000Z-0123456789abcdef", "\0"):
        (store.root / "current").write_text(nothing)
        champion.refresh()

        assert serving is champion.serving


def test_after_a_refusal_the_next_sound_model_is_taken(champion: Champion, store: Store, artifact: Artifact) -> None:
    (store.root / "current").write_text("nothing")
    champion.refresh()
    version = store.add_model(artifact)
    store.promote(version)
    champion.refresh()

    assert version == champion.serving.version


def test_a_model_that_there_is_no_memory_for_is_tried_again(store: Store, monitor: Monitor) -> None:
    class Short(Store):
        def model(self, version: str) -> Artifact:
            if failures(monitor) < 2:
                raise MemoryError
            return super().model(version)

    champion = Champion(Short(store.root), monitor)
    for _ in range(3):
        champion.refresh()

    assert store.current() == champion.serving.version
    assert 2 == failures(monitor)


def test_at_the_start_the_last_sound_model_that_served_serves_in_place_of_a_damaged_one(
    store: Store, artifact: Artifact, monitor: Monitor
) -> None:
    predecessor, damaged, _refused_by_the_gate = store.current(), store.add_model(artifact), store.add_model(artifact)
    damage(store, damaged)
    store.promote(damaged)
    champion = Champion(store, monitor)
    champion.refresh()

    assert predecessor == champion.serving.version


def test_where_nobody_sound_has_served_the_newest_sound_model_does(
    store: Store, artifact: Artifact, monitor: Monitor
) -> None:
    newest_sound, damaged = store.add_model(artifact), store.add_model(artifact)
    for version in (str(store.current()), damaged):
        damage(store, version)
    champion = Champion(store, monitor)
    champion.refresh()

    assert newest_sound == champion.serving.version


def test_a_damaged_model_whose_file_is_put_right_serves(store: Store, artifact: Artifact, monitor: Monitor) -> None:
    current = str(store.current())
    path = store.root / "models" / f"{current}.safetensors"
    sound = path.read_bytes()
    damage(store, current)
    store.add_model(artifact)
    champion = Champion(store, monitor)
    champion.refresh()
    assert current == champion.refused

    path.write_bytes(sound)
    champion.refresh()
    assert current == champion.serving.version
    assert champion.refused is None


def test_a_lost_pointer_leaves_the_model_serving(champion: Champion, store: Store) -> None:
    (store.root / "current").unlink()
    champion.refresh()

    assert champion.model


def test_two_damaged_models_are_refused_once_each_and_the_pointers_is_known(
    store: Store, artifact: Artifact, monitor: Monitor
) -> None:
    """So that a first model is trained in their place."""
    current, other = str(store.current()), store.add_model(artifact)
    damage(store, current)
    damage(store, other)
    champion = Champion(store, monitor)
    for _ in range(3):
        champion.refresh()

    assert current == champion.refused
    assert 2 == failures(monitor)


def test_a_damaged_pointer_leaves_the_newest_sound_model_serving(
    store: Store, artifact: Artifact, monitor: Monitor
) -> None:
    newest = store.add_model(artifact)
    pointer = store.root / "current"
    for damaged in (b"\0" * 100_000, b"\xff\n", b"nothing\n"):
        pointer.write_bytes(damaged)
        champion = Champion(store, monitor)
        champion.refresh()

        assert newest == champion.serving.version
    pointer.unlink()
    pointer.symlink_to("/etc/hostname")
    champion = Champion(store, monitor)
    champion.refresh()

    assert newest == champion.serving.version
