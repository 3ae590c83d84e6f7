"""The stored versions of the network."""

from model.artifact import Artifact
from model.store import Store
from tests.app.conftest import Client


def test_versions_are_listed_newest_first_with_the_one_that_serves(
    client: Client, store: Store, artifact: Artifact
) -> None:
    newer = store.add_model(artifact)
    listed = client.get("/models").json()

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
