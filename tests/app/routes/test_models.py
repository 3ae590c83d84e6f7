"""The stored versions of the network."""

from pathlib import Path

import pytest

from app.settings import Settings
from model.artifact import Artifact
from model.store import Store
from tests.app.conftest import FLOWER, Client, running


def test_versions_are_listed_newest_first_with_the_one_that_serves(
    client: Client, store: Store, artifact: Artifact
) -> None:
    newer = store.add_model(artifact)
    listed = client.get("/models").json()["models"]

    assert [newer, store.current()] == [model["version"] for model in listed]
    assert [False, True] == [model["current"] for model in listed]
    assert listed[0]["created_at"] > listed[1]["created_at"]


def test_the_current_model_is_found_by_that_name(client: Client, store: Store) -> None:
    current = client.get("/models/current").json()

    assert store.current() == current["version"]
    assert current == client.get(f"/models/{current['version']}").json()


def test_a_card_tells_what_a_model_is_and_how_good(client: Client) -> None:
    card = client.get("/models/current").json()["card"]

    assert [4, 5, 10, 3] == card["layer_sizes"]
    assert "iris" == card["dataset"]["name"]
    assert 23 == card["evaluation"]["test"]["rows"] == sum(map(sum, card["evaluation"]["test"]["confusion"]))


def test_a_promotion_is_served_at_once_and_told_in_the_line_of_succession(
    client: Client, store: Store, artifact: Artifact
) -> None:
    old, new = str(store.current()), store.add_model(artifact)
    promoted = client.post(f"/models/{new}/promote").json()

    assert (new, True) == (promoted["version"], promoted["current"])
    assert new == client.post("/predict", json=FLOWER).json()["model_version"]
    assert [new, old] == [reign["version"] for reign in client.get("/models").json()["succession"]]

    client.post(f"/models/{old}/promote")

    assert old == client.post("/predict", json=FLOWER).json()["model_version"]
    assert [old, new, old] == [reign["version"] for reign in client.get("/models").json()["succession"]]


def test_the_line_of_succession_names_the_run_that_made_a_model_current(client: Client) -> None:
    run = client.post("/train?wait=30", json={"epochs": 1, "promote": "always"}).json()
    latest = client.get("/models").json()["succession"][0]

    assert (run["model_version"], run["id"]) == (latest["version"], latest["run_id"])


def test_a_damaged_model_is_not_promoted(client: Client, store: Store, artifact: Artifact) -> None:
    serving, damaged = store.current(), store.add_model(artifact)
    (store.root / "models" / f"{damaged}.safetensors").write_bytes(b"")

    assert 500 == client.post(f"/models/{damaged}/promote").status_code
    assert serving == store.current()


def test_a_damaged_model_serves_once_its_file_is_put_right_and_it_is_promoted(
    settings: Settings, store: Store, artifact: Artifact
) -> None:
    current = str(store.current())
    file = store.root / "models" / f"{current}.safetensors"
    sound = file.read_bytes()
    file.write_bytes(sound[:-1])
    other = store.add_model(artifact)
    with running(settings) as client:
        assert other == client.post("/predict", json=FLOWER).json()["model_version"]
        file.write_bytes(sound)

        assert client.post(f"/models/{current}/promote").json()["current"]
        assert current == client.post("/predict", json=FLOWER).json()["model_version"]


def test_what_is_told_to_be_current_heads_the_line_of_succession_though_another_worker_has_promoted_it(
    client: Client, store: Store, artifact: Artifact
) -> None:
    for version in (store.add_model(artifact) for _ in range(5)):
        store.promote(version)
        told = client.get("/models").json()

        assert version == told["succession"][0]["version"]
        assert [version] == [model["version"] for model in told["models"] if model["current"]]
        assert version == client.get("/models/current").json()["version"]


def test_an_artifact_is_downloaded_byte_by_byte_and_may_be_kept_for_ever(client: Client, store: Store) -> None:
    version = str(store.current())
    response = client.get(f"/models/{version}/artifact")

    assert (store.root / "models" / f"{version}.safetensors").read_bytes() == response.content
    assert "immutable" in response.headers["cache-control"]
    assert f'attachment; filename="{version}.safetensors"' == response.headers["content-disposition"]


def test_the_rows_of_a_model_come_with_their_part_and_prediction(client: Client, store: Store) -> None:
    found = client.get(f"/models/{store.current()}/rows").json()
    first = found["specimens"][0]

    assert 150 == found["rows"] == len(found["specimens"])
    assert {"features", "species", "part", "predicted", "confidence"} == first.keys()
    flower = dict(zip(FLOWER, first["features"], strict=True))
    answer = client.post("/predict", json=flower).json()
    assert (answer["species"], answer["confidence"]) == (first["predicted"], pytest.approx(first["confidence"]))


def test_rows_are_told_by_a_process_only_once(client: Client, store: Store) -> None:
    path = f"/models/{store.current()}/rows"
    first = client.get(path)

    assert first.json() == client.get(path).json()
    assert 1 == len(client.app.state.service.inspector._exhibited)


def test_rows_of_a_table_that_is_gone_are_not_told(client: Client, store: Store) -> None:
    table = Path("data/Iris.csv").read_bytes().replace(b"Iris-setosa", b"Iris-other")
    client.request("PUT", "/datasets/mine", content=table, headers={"content-type": "text/csv"})
    version = client.post("/train?wait=30", json={"dataset": "mine", "epochs": 1}).json()["model_version"]

    assert 150 == client.get(f"/models/{version}/rows").json()["rows"]
    with running(client.app.state.service.settings) as restarted:
        restarted.request("DELETE", "/datasets/mine")
        response = restarted.get(f"/models/{version}/rows")
        assert 404 == response.status_code
        assert "not stored any more" in response.json()["detail"]


def test_rows_of_many_models_are_not_all_remembered(client: Client, store: Store, artifact: Artifact) -> None:
    for _ in range(10):
        assert 200 == client.get(f"/models/{store.add_model(artifact)}/rows").status_code

    assert 8 == len(client.app.state.service.inspector._exhibited)
