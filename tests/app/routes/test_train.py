"""Asking for a training run, and what became of it."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

from app.settings import Settings
from model.hyperparameters import Hyperparameters
from model.run import Status, begun, queued
from model.store import Store
from tests.app.conftest import FLOWER, Client, running


def test_a_run_that_ends_in_time_is_answered_with_its_model_serving(client: Client) -> None:
    response = client.post("/train?wait=30", json={"epochs": 5, "seed": 7, "promote": "always"})
    run = response.json()

    assert 201 == response.status_code
    assert Status.SUCCEEDED == run["status"]
    assert f"/train/{run['id']}" == response.headers["location"]
    assert run["promoted"]
    assert run["model_version"] == client.post("/predict", json=FLOWER).json()["model_version"]
    assert run == client.get(response.headers["location"]).json()


def test_a_run_tells_its_recipe_its_table_its_history_and_its_evaluation(client: Client) -> None:
    run = client.post("/train?wait=30", json={"epochs": 5, "hidden_layers": [3], "seed": 7}).json()
    recipe = Hyperparameters(epochs=5, hidden_layers=(3,), seed=7)

    assert json.loads(msgspec.json.encode(recipe)) == run["hyperparameters"]
    assert {"name": "iris", "rows": 150}.items() <= run["dataset"].items()
    assert {"epoch": 5, "epochs": 5} == run["progress"]
    assert [1, 2, 3, 4, 5] == [score["epoch"] for score in run["history"]]
    assert {"training", "validation", "test", "cross_validation"} == run["evaluation"].keys()


def test_every_choice_reaches_the_run(client: Client) -> None:
    recipe = {
        "hidden_layers": [6],
        "activation": "relu",
        "output": "softmax",
        "initial_weights": "he",
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "learning_rate_decay": 0.1,
        "momentum": 0.9,
        "batch_size": 8,
        "epochs": 4,
        "patience": 3,
        "l2": 0.01,
        "class_weight": "balanced",
        "standardize": False,
        "restarts": 2,
        "warm_start": False,
        "seed": 9,
    }
    run = client.post("/train?wait=30", json=recipe).json()

    assert {field.name for field in fields(Hyperparameters)} == recipe.keys()
    assert (Status.SUCCEEDED, recipe) == (run["status"], run["hyperparameters"])
    assert {1, 2} == {score["start"] for score in run["history"]}
    assert run["kept"] in run["history"]


def test_the_recipe_is_cross_validated_on_request(client: Client) -> None:
    asked = {"epochs": 3, "cross_validation": {"folds": 3, "repeats": 2}}
    run = client.post("/train?wait=30", json=asked).json()
    found = run["evaluation"]["cross_validation"]

    assert asked["cross_validation"] == run["cross_validation"]
    assert {"epoch": 21, "epochs": 21} == run["progress"]
    assert 6 == len(found["accuracies"])
    assert found["interval"][0] < found["mean"] < found["interval"][1]


def test_a_warm_start_names_the_model_that_it_went_on_from(client: Client) -> None:
    first = client.post("/train?wait=30", json={"promote": "always", "seed": 0}).json()
    warm = client.post("/train?wait=30", json={"warm_start": True, "epochs": 2, "promote": "never"}).json()

    card = client.get(f"/models/{warm['model_version']}").json()["card"]
    assert first["model_version"] == card["ancestor"]


def test_a_warm_start_on_another_network_fails_with_the_mend(client: Client) -> None:
    client.post("/train?wait=30", json={"promote": "always"})
    run = client.post("/train?wait=30", json={"warm_start": True, "hidden_layers": [7]}).json()

    assert Status.FAILED == run["status"]
    assert "warm_start: expected the current model's hidden_layers, (5, 10), found (7,)" == run["reason"]


def test_a_fit_that_diverges_fails_with_the_mend(client: Client) -> None:
    wild = {
        "hidden_layers": [64] * 3,
        "activation": "relu",
        "learning_rate": 10,
        "momentum": 0.99,
        "l2": 0.09,
        "seed": 0,
    }
    run = client.post("/train?wait=30", json=wild | {"output": "softmax"}).json()

    assert Status.FAILED == run["status"]
    assert "a smaller learning_rate may help" in run["reason"]


def test_everything_about_a_run_is_optional(client: Client) -> None:
    response = client.post("/train?wait=30")

    assert 201 == response.status_code
    assert [5, 10] == response.json()["hyperparameters"]["hidden_layers"]


def test_two_runs_without_a_seed_draw_two(client: Client) -> None:
    runs = [client.post("/train?wait=0", json={"epochs": 1}).json() for _ in range(2)]

    assert 2 == len({run["hyperparameters"]["seed"] for run in runs})


def test_the_same_seed_gives_the_same_model(client: Client) -> None:
    runs = [client.post("/train?wait=30", json={"epochs": 3, "seed": 7}).json() for _ in range(2)]
    digests = {run["model_version"].partition("-")[2] for run in runs}

    assert 1 == len(digests)


def test_a_run_that_takes_longer_is_answered_as_it_is(client: Client) -> None:
    response = client.post("/train?wait=0", json={"epochs": 10_000})
    run = response.json()

    assert 202 == response.status_code
    assert run["status"] in {Status.QUEUED, Status.RUNNING}
    assert 200 == client.get(response.headers["location"]).status_code


@pytest.mark.parametrize(
    ("recipe", "field"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": 10_001}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"epochs": "5"}, "epochs"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"activation": "softmax"}, "activation"),
        ({"output": 1}, "output"),
        ({"optimizer": "rmsprop"}, "optimizer"),
        ({"initial_weights": "zero"}, "initial_weights"),
        ({"class_weight": "heavy"}, "class_weight"),
        ({"optimizer": "adam"}, "learning_rate"),
        ({"optimizer": "adam", "learning_rate": 0.01, "momentum": 0.9}, "momentum"),
        ({"momentum": 1}, "momentum"),
        ({"batch_size": 0}, "batch_size"),
        ({"patience": 0}, "patience"),
        ({"l2": 1.1}, "l2"),
        ({"l2": 1, "learning_rate": 1}, "l2"),
        ({"restarts": 101}, "restarts"),
        ({"warm_start": True, "restarts": 2}, "restarts"),
        ({"warm_start": True, "initial_weights": "he"}, "initial_weights"),
        ({"warm_start": True, "cross_validation": {}}, "cross_validation"),
        ({"cross_validation": {"folds": 1}}, "cross_validation.folds"),
        ({"cross_validation": {"repeats": 21}}, "cross_validation.repeats"),
        ({"cross_validation": 5}, "cross_validation"),
        ({"learning_rate": 10.1}, "learning_rate"),
        ({"hidden_layers": [0]}, "hidden_layers[0]"),
        ({"hidden_layers": [5, 513]}, "hidden_layers[1]"),
        ({"hidden_layers": [1] * 9}, "hidden_layers"),
        ({"standardize": 1}, "standardize"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"layers": [5]}, "body"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_field_and_starts_nothing(
    recipe: dict[str, object], field: str, client: Client
) -> None:
    response = client.post("/train", json=recipe)

    assert 422 == response.status_code
    assert [field] == [error["field"] for error in response.json()["errors"]]
    assert [] == client.get("/train").json()


@pytest.mark.parametrize("wait", ["-1", "31", "nan", "inf", "soon"])
def test_a_wrong_wait_is_refused(wait: str, client: Client) -> None:
    response = client.post(f"/train?wait={wait}")

    assert ["wait"] == [error["field"] for error in response.json()["errors"]]


def test_runs_are_listed_newest_first_and_in_short(client: Client) -> None:
    runs = [client.post("/train?wait=30", json={"epochs": 1}).json()["id"] for _ in range(3)]
    listed = client.get("/train?limit=2").json()

    assert [runs[2], runs[1]] == [run["id"] for run in listed]
    assert all(run.keys().isdisjoint({"history", "evaluation"}) for run in listed)


def test_a_run_that_ends_behind_newer_ones_stays(settings: Settings, store: Store) -> None:
    with running(settings.model_copy(update={"keep_models": 2})) as client:
        long = client.post("/train?wait=0", json={"epochs": 10_000, "promote": "always"}).json()
        for _ in range(5):
            waiting = client.post("/train?wait=0").json()
            client.request("DELETE", f"/train/{waiting['id']}")
        ended = client.post("/train?wait=30", json={"epochs": 1}).json()
        runs = [run for run in client.get("/train").json() if run["status"] != Status.CANCELLED]

        assert [ended["id"], long["id"]] == [run["id"] for run in runs]
        assert long["id"] == client.get("/models").json()["succession"][0]["run_id"]


def test_all_who_wait_for_runs_are_told_their_ends_however_few_are_kept(settings: Settings, store: Store) -> None:
    with running(settings.model_copy(update={"keep_models": 2})) as client, ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: client.post("/train?wait=30", json={"epochs": 1}), range(6)))

    assert [(201, Status.SUCCEEDED)] * 6 == [(answer.status_code, answer.json()["status"]) for answer in answers]


def test_a_failed_run_leaves_the_old_model_serving_and_says_why(settings: Settings, store: Store) -> None:
    serving = store.current()
    with running(settings.model_copy(update={"data": Path("there-is-none.csv")})) as client:
        run = client.post("/train?wait=30").json()

        assert Status.FAILED == run["status"]
        assert "there-is-none.csv: the file cannot be read: No such file or directory" == run["reason"]
        assert serving == client.post("/predict", json=FLOWER).json()["model_version"]


def test_the_old_model_answers_while_a_run_trains(client: Client, store: Store) -> None:
    serving = client.get("/models/current").json()["version"]
    run = client.post("/train?wait=0", json={"epochs": 10_000}).json()
    client.wait_until(lambda: store.run(run["id"]).status is Status.RUNNING, 10)

    assert {serving} == {client.post("/predict", json=FLOWER).json()["model_version"] for _ in range(50)}
    assert Status.RUNNING is store.run(run["id"]).status


def test_a_model_that_is_not_good_enough_is_kept_but_does_not_serve(client: Client) -> None:
    serving = client.get("/models/current").json()["version"]
    run = client.post("/train?wait=30", json={"epochs": 1, "hidden_layers": [], "seed": 1}).json()

    assert (Status.SUCCEEDED, False) == (run["status"], run["promoted"])
    why = r"Accuracy 0\.\d{3} on 23 rows of iris that were held back; at least 0\.9 is needed\."
    assert re.fullmatch(why, run["reason"])
    assert serving == client.post("/predict", json=FLOWER).json()["model_version"]
    assert 200 == client.get(f"/models/{run['model_version']}").status_code


def test_a_good_model_serves_and_says_in_figures_why(client: Client) -> None:
    run = client.post("/train?wait=30", json={"seed": 1}).json()

    assert run["promoted"]
    assert re.search(r"Accuracy \S+ on 23 rows of iris that were held back; the current model has \S+\.", run["reason"])


def test_a_model_that_shall_never_serve_does_not(client: Client) -> None:
    run = client.post("/train?wait=30", json={"seed": 1, "promote": "never"}).json()

    assert (Status.SUCCEEDED, False) == (run["status"], run["promoted"])


def test_an_unknown_policy_is_refused(client: Client) -> None:
    response = client.post("/train", json={"promote": "sometimes"})

    assert ["promote"] == [error["field"] for error in response.json()["errors"]]


def test_a_running_run_is_cancelled_within_a_second_and_the_next_one_works(client: Client, store: Store) -> None:
    run = client.post("/train?wait=0", json={"epochs": 10_000}).json()
    client.wait_until(lambda: store.run(run["id"]).status is Status.RUNNING, 10)
    began = time.monotonic()
    response = client.request("DELETE", f"/train/{run['id']}")

    assert time.monotonic() - began < 1.0
    assert (200, Status.CANCELLED) == (response.status_code, response.json()["status"])
    assert [] == list(store.root.rglob("*.cancel")) + list(store.root.rglob("*.tmp"))
    assert "succeeded" == client.post("/train?wait=30", json={"epochs": 1}).json()["status"]


def test_a_waiting_run_is_cancelled_at_once(client: Client, store: Store) -> None:
    with store.training(timeout_seconds=0):
        run = client.post("/train?wait=0", json={"epochs": 1}).json()
        response = client.request("DELETE", f"/train/{run['id']}")

        assert Status.CANCELLED == response.json()["status"]
        assert 200 == client.request("DELETE", f"/train/{run['id']}").status_code  # asking twice is no error


def test_a_run_that_does_not_end_in_time_is_answered_as_not_ended_yet(client: Client, store: Store) -> None:
    with store.training(timeout_seconds=0):
        run = begun(queued(Hyperparameters()))  # of somebody who does not hear
        store.save_run(run)
        response = client.request("DELETE", f"/train/{run.id}")

        assert (202, Status.RUNNING) == (response.status_code, response.json()["status"])
        assert store.cancel_asked(run.id)
