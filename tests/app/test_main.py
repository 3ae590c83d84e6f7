"""How a service starts and stops."""

import logging
from pathlib import Path

import pytest

from app.settings import Settings
from model.hyperparameters import Hyperparameters
from model.run import Status, begun, queued
from model.store import Store
from tests.app.conftest import FLOWER, running


def test_an_empty_store_gets_its_first_model_before_the_service_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(artifacts=tmp_path / "artifacts")
    with caplog.at_level(logging.INFO, "uvicorn.iris"), running(settings) as client:
        assert "Iris-setosa" == client.post("/predict", json=FLOWER).json()["species"]

    assert "training the first one" in caplog.text


def test_the_first_model_is_the_same_wherever_it_is_trained(tmp_path: Path) -> None:
    digests = set()
    for name in ("here", "there"):
        with running(Settings(artifacts=tmp_path / name)) as client:
            digests.add(client.get("/models/current").json()["version"].partition("-")[2])

    assert 1 == len(digests)


def test_a_damaged_only_model_is_replaced_by_a_new_one(settings: Settings, store: Store) -> None:
    damaged = store.current()
    (store.root / "models" / f"{damaged}.safetensors").write_bytes(b"")
    with running(settings) as client:
        assert damaged != client.post("/predict", json=FLOWER).json()["model_version"]


def test_what_a_crash_left_behind_is_cleaned_up(settings: Settings, store: Store) -> None:
    abandoned = begun(queued(Hyperparameters()))
    store.save_run(abandoned)
    leftover = store.root / "models" / ".some.safetensors.0123456789abcdef.tmp"
    leftover.touch()
    with running(settings) as client:
        run = client.get(f"/train/{abandoned.id}").json()

    assert (Status.FAILED, "The process that trained it ended unexpectedly.") == (run["status"], run["reason"])
    assert not leftover.exists()


def test_without_a_table_it_starts_and_says_that_it_has_no_model(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with running(settings.model_copy(update={"data": Path("there-is-none.csv")})) as client:
        response = client.post("/predict", json=FLOWER)

    assert 503 == response.status_code
    assert "1" == response.headers["retry-after"]
    assert "/predict answers 503 until a training run succeeds" in caplog.text


def test_a_model_put_there_by_others_is_served_within_a_second(settings: Settings, store: Store) -> None:
    with running(settings) as client:
        version = store.add_model(store.model(str(store.current())))
        store.promote(version)
        deadline = 1.0
        client.wait_until(lambda: client.post("/predict", json=FLOWER).json()["model_version"] == version, deadline)
