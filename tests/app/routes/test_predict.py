"""From measurements to species, strictly."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.schemas import MAX_BATCH
from model.artifact import Artifact
from tests.app.conftest import FLOWER, Client

JSON = {"content-type": "application/json"}
TABLE_NAMES = {"SepalLengthCm": 5.1, "SepalWidthCm": 3.5, "PetalLengthCm": 1.4, "PetalWidthCm": 0.2}
CANARY = "do-not-say-this-back"


def flower(sepal_length: float, sepal_width: float, petal_length: float, petal_width: float) -> dict[str, float]:
    return dict(zip(FLOWER, (sepal_length, sepal_width, petal_length, petal_width), strict=True))


@pytest.mark.parametrize(
    ("measurements", "species"),
    [
        ((5.1, 3.5, 1.4, 0.2), "Iris-setosa"),
        ((6.7, 3.0, 5.2, 2.3), "Iris-virginica"),
        ((5.7, 2.8, 4.1, 1.3), "Iris-versicolor"),
    ],
)
def test_a_typical_flower_of_each_species_is_told(
    measurements: tuple[float, float, float, float], species: str, client: Client
) -> None:
    assert species == client.post("/predict", json=flower(*measurements)).json()["species"]


def test_an_answer_is_what_the_named_model_computes(client: Client, artifact: Artifact) -> None:
    answer = client.post("/predict", json=FLOWER).json()
    scores = artifact.network.scores(np.array([list(FLOWER.values())]))[0]

    assert client.get("/models/current").json()["version"] == answer["model_version"]
    assert pytest.approx(dict(zip(artifact.card.species, scores, strict=True)), abs=1e-12) == answer["scores"]
    assert max(answer["scores"].values()) == answer["confidence"] == answer["scores"][answer["species"]]


def test_the_tables_own_names_are_accepted(client: Client) -> None:
    assert client.post("/predict", json=FLOWER).json() == client.post("/predict", json=TABLE_NAMES).json()


def test_one_measurement_under_both_names_is_refused(client: Client) -> None:
    assert 422 == client.post("/predict", json=FLOWER | {"SepalLengthCm": 5.1}).status_code


def test_features_outside_of_the_training_rows_are_named(client: Client) -> None:
    answer = client.post("/predict", json=flower(29.0, 3.5, 1.4, 0.01)).json()

    assert ["sepal_length", "petal_width"] == answer["out_of_range"]


def test_the_edges_of_the_training_rows_are_within_range(client: Client, artifact: Artifact) -> None:
    for edge in zip(*artifact.card.feature_ranges.values(), strict=True):
        assert [] == client.post("/predict", json=flower(*edge)).json()["out_of_range"]


@pytest.mark.parametrize(
    "value", [0, -1, 30.000001, 1e308, "5.1", True, None, [5.1], {"cm": 5.1}, 10**400, float("nan"), float("inf")]
)
def test_what_is_no_measurement_is_refused_with_the_field(value: Any, client: Client) -> None:
    response = client.post("/predict", content=json.dumps(FLOWER | {"petal_width": value}), headers=JSON)

    assert 422 == response.status_code
    assert ["petal_width"] == [error["field"] for error in response.json()["errors"]]


@pytest.mark.parametrize("missing", FLOWER)
def test_a_missing_measurement_is_named(missing: str, client: Client) -> None:
    response = client.post("/predict", json={name: value for name, value in FLOWER.items() if name != missing})

    assert 422 == response.status_code
    assert [{"field": missing, "message": "Field required"}] == response.json()["errors"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"null", 422),
        (b"[]", 422),
        (b"7", 422),
        (b'{"sepal_length": 1e999}', 422),
        (b'{"sepal_length": NaN}', 422),
        (b'{"sepal_length": -Infinity}', 422),
        (json.dumps(FLOWER | {CANARY: 1}).encode(), 422),
        (json.dumps(FLOWER | {"petal_width": CANARY}).encode(), 422),
        (json.dumps(FLOWER | {"\ud800": 1}).encode(), 422),
        (json.dumps(FLOWER | {"petal_width": "\ud800"}).encode(), 422),
        (b"{", 400),
        (b"sepal_length=5.1", 400),
        (b'{"petal_width": ' + CANARY.encode() + b"}", 400),
        (b'{"petal_width": "\xff\xfe"}', 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 50_000, 400),
        (b'{"sepal_length": ' + b"9" * 5_000 + b"}", 400),
    ],
)
def test_a_hostile_body_is_refused_and_not_said_back(body: bytes, status: int, client: Client) -> None:
    response = client.post("/predict", content=body, headers=JSON)

    assert status == response.status_code
    assert "application/problem+json" == response.headers["content-type"]
    assert CANARY not in response.text


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_a_body_that_does_not_say_it_is_json_is_refused(content_type: str, client: Client) -> None:
    headers = {"content-type": content_type}

    assert 415 == client.post("/predict", content=json.dumps(FLOWER), headers=headers).status_code


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/x+json"])
def test_every_way_to_say_json_is_understood(content_type: str, client: Client) -> None:
    headers = {"content-type": content_type}

    assert 200 == client.post("/predict", content=json.dumps(FLOWER), headers=headers).status_code


def test_a_body_of_unknown_length_is_counted_as_it_comes(client: Client) -> None:
    async def endless() -> Any:
        while True:
            yield b" " * 2**16

    assert 413 == client.post("/predict", content=endless(), headers=JSON).status_code


def test_a_body_of_unknown_length_that_is_not_too_long_is_read(client: Client) -> None:
    async def chunked() -> Any:
        for character in json.dumps(FLOWER):
            yield character.encode()

    assert 200 == client.post("/predict", content=chunked(), headers=JSON).status_code


_JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(list(FLOWER)), inner),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=_JSON_VALUES | st.fixed_dictionaries(dict.fromkeys(FLOWER, _JSON_VALUES)))
def test_no_json_makes_the_service_fail(body: Any, client: Client) -> None:
    response = client.post("/predict", content=json.dumps(body), headers=JSON)

    assert response.status_code in {200, 400, 422}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200))
def test_no_bytes_make_the_service_fail(body: bytes, client: Client) -> None:
    assert client.post("/predict", content=body, headers=JSON).status_code in {400, 422}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(measurements=st.tuples(*[st.floats(0, 30, exclude_min=True)] * 4))
def test_every_flower_within_the_limits_gets_scores_between_0_and_1(
    measurements: tuple[float, float, float, float], client: Client
) -> None:
    answer = client.post("/predict", json=flower(*measurements)).json()

    assert all(0 <= score <= 1 for score in answer["scores"].values())


def test_a_batch_answers_in_order_as_single_flowers_do(client: Client) -> None:
    flowers = [FLOWER, flower(6.7, 3.0, 5.2, 2.3), flower(29.0, 2.8, 4.1, 1.3)]
    batch = client.post("/predict/batch", json={"flowers": flowers}).json()
    singly = [client.post("/predict", json=each).json() for each in flowers]

    assert [each.pop("model_version") for each in singly] == [batch["model_version"]] * len(flowers)
    for expected, actual in zip(singly, batch["predictions"], strict=True):
        assert pytest.approx(expected.pop("scores")) == actual.pop("scores")
        assert pytest.approx(expected.pop("confidence")) == actual.pop("confidence")
        assert expected == actual


def test_a_batch_may_be_as_long_as_promised(client: Client) -> None:
    response = client.post("/predict/batch", json={"flowers": [FLOWER] * MAX_BATCH})

    assert len(response.json()["predictions"]) == MAX_BATCH


@pytest.mark.parametrize("flowers", [[], [FLOWER] * (MAX_BATCH + 1), "", {}, None])
def test_no_flowers_or_too_many_are_refused(flowers: Any, client: Client) -> None:
    response = client.post("/predict/batch", json={"flowers": flowers})

    assert 422 == response.status_code
    assert ["flowers"] == [error["field"] for error in response.json()["errors"]]


def test_of_a_wrong_batch_the_first_wrong_flower_is_named(client: Client) -> None:
    wrong = FLOWER | {"petal_width": -1}
    response = client.post("/predict/batch", json={"flowers": [FLOWER, *[wrong] * 100]})

    assert ["flowers[1].petal_width"] == [error["field"] for error in response.json()["errors"]]


def test_a_prediction_is_explained_on_request(client: Client) -> None:
    plain = client.post("/predict", json=FLOWER).json()
    explained = client.post("/predict?explain=true", json=FLOWER).json()
    explanation = explained.pop("explanation")

    assert plain == explained
    assert FLOWER.keys() == explanation["gradient"].keys() == explanation["contributions"].keys()
    gained = sum(explanation["contributions"].values())
    assert pytest.approx(plain["confidence"] - explanation["baseline_score"], abs=1e-9) == gained


def test_a_wish_for_an_explanation_that_is_none_is_refused(client: Client) -> None:
    answer = client.post("/predict?explain=perhaps", json=FLOWER)

    assert 422 == answer.status_code
    assert ["explain"] == [error["field"] for error in answer.json()["errors"]]
