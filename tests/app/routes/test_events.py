"""A training run as it happens."""

import asyncio
import json
import weakref
from typing import Any

import pytest

from app.routes.events import watch_run
from app.watches import Watch
from model.evaluation import EpochScore
from model.hyperparameters import Hyperparameters
from model.run import Run, Status, advanced, begun, failed, queued
from model.store import Store
from tests.app.conftest import Client


def events(client: Client, run_id: str, last_event_id: str = "") -> list[tuple[str, str, Any]]:
    """Name, id and data of every event of a run; returns when the stream ends."""
    response = client.get(f"/train/{run_id}/events", headers={"last-event-id": last_event_id})
    assert "text/event-stream; charset=utf-8" == response.headers["content-type"]
    told = []
    for block in response.text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        told.append((fields["event"], fields["id"], json.loads(fields["data"])))
    return told


def test_a_run_is_followed_to_its_end(client: Client) -> None:
    run = client.post("/train?wait=0", json={"epochs": 2000}).json()
    told = events(client, run["id"])
    scores = [score for name, _, data in told if name == "progress" for score in data["scores"]]

    assert list(range(1, 2001)) == [score["epoch"] for score in scores]
    assert ["finished"] == [name for name, _, _ in told if name != "progress"] == [told[-1][0]]
    assert len(told) > 3
    assert Status.SUCCEEDED == told[-1][2]["status"]


def test_an_ended_run_tells_its_whole_history_at_once(client: Client) -> None:
    run = client.post("/train?wait=30", json={"epochs": 3}).json()
    (_, last, progress), (name, _, finished) = events(client, run["id"])

    assert ("3", "finished") == (last, name)
    assert run["history"] == progress["scores"]
    assert {key: value for key, value in run.items() if key != "history"} == finished


@pytest.mark.parametrize(
    ("last_event_id", "first"),
    [("2", 3), ("0", 1), ("", 1), ("nonsense", 1), ("-1", 1), ("4", 1), ("99999", 1), ("9" * 5000, 1)],
)
def test_a_reader_that_comes_back_hears_the_rest(last_event_id: str, first: int, client: Client) -> None:
    run = client.post("/train?wait=30", json={"epochs": 3}).json()
    scores = events(client, run["id"], last_event_id)[0][2]["scores"]

    assert first == scores[0]["epoch"]


def test_a_reader_that_has_heard_all_hears_the_end(client: Client) -> None:
    run = client.post("/train?wait=30", json={"epochs": 3}).json()

    assert ["finished"] == [name for name, _, _ in events(client, run["id"], "3")]


def test_a_reader_that_has_heard_of_epochs_yet_to_come_is_not_left_in_silence(client: Client) -> None:
    run = client.post("/train?wait=0", json={"epochs": 2000}).json()

    assert 1 == events(client, run["id"], "9999")[0][2]["scores"][0]["epoch"]


def test_a_cancelled_run_ends_its_stream(client: Client, store: Store) -> None:
    run = client.post("/train?wait=0", json={"epochs": 10_000}).json()
    client.wait_until(lambda: store.run(run["id"]).status is Status.RUNNING, 10)
    client.request("DELETE", f"/train/{run['id']}")

    assert Status.CANCELLED == events(client, run["id"])[-1][2]["status"]


def test_a_long_history_comes_in_parts(client: Client) -> None:
    run = client.post("/train?wait=30", json={"epochs": 1200, "hidden_layers": []}).json()

    assert [*map(str, range(100, 1201, 100)), "1200"] == [event_id for _, event_id, _ in events(client, run["id"])]


def test_cross_validation_is_followed_though_its_epochs_leave_no_scores(client: Client) -> None:
    asked = {"epochs": 2000, "cross_validation": {"folds": 10, "repeats": 5}}
    told = events(client, client.post("/train?wait=0", json=asked).json()["id"])
    done = [data["progress"]["epoch"] for name, _, data in told if name == "progress"]

    assert sorted(done) == done
    assert any(2000 < epoch < 102_000 for epoch in done)
    assert 102_000 == told[-1][2]["progress"]["epoch"]


def long_run() -> Run:
    scores = [EpochScore(epoch, 0.3, 0.5, 0.4, 0.6) for epoch in range(1, 1001)]
    return advanced(begun(queued(Hyperparameters(epochs=2000))), scores, 1000)


def test_who_is_slow_to_take_an_event_holds_no_old_record_and_hears_the_end_once() -> None:
    """Many who are slow would else hold many records, each of a moment of its own."""

    async def read_slowly() -> tuple[bool, list[str | None]]:
        watch = Watch(long_run())
        old = weakref.ref(watch.run)
        events = watch_run(watch)
        heard = [(await anext(events)).event]
        watch.tell(failed(long_run(), "It broke off."))
        return old() is None, heard + [event.event async for event in events]

    let_go, heard = asyncio.run(read_slowly())

    assert let_go
    assert ["progress"] * 10 + ["finished"] == heard
