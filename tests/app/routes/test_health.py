"""Alive, and ready."""

from pathlib import Path

from app.settings import Settings
from model.run import Status
from model.store import Store
from tests.app.conftest import Client, running


def test_a_service_with_a_model_is_alive_and_ready(client: Client) -> None:
    version = client.get("/models/current").json()["version"]

    assert "alive" == client.get("/health/live").json()["status"]
    assert {"status": "ready", "model_version": version} == client.get("/health/ready").json()


def test_a_service_without_a_model_is_alive_but_not_ready(settings: Settings) -> None:
    with running(settings.model_copy(update={"data": Path("there-is-none.csv")})) as client:
        assert 200 == client.get("/health/live").status_code
        assert 503 == client.get("/health/ready").status_code


def test_a_service_stays_ready_while_it_trains(client: Client, store: Store) -> None:
    run = client.post("/train?wait=0", json={"epochs": 10_000}).json()
    client.wait_until(lambda: store.run(run["id"]).status is Status.RUNNING, 10)

    assert 200 == client.get("/health/ready").status_code
    assert Status.RUNNING is store.run(run["id"]).status
