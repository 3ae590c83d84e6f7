"""The stored versions of the network."""

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
