"""What the service counts, as Prometheus reads it and as JSON."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from model.artifact import Artifact
from tests.app.conftest import FLOWER, Client

JSON = {"accept": "application/json"}


def scrape(client: Client) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Every sample, by name and labels."""
    samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return samples


def test_every_series_is_there_at_zero_from_the_start(client: Client) -> None:
    samples = scrape(client)

    assert {
        "iris_http_requests_total",
        "iris_http_request_duration_seconds_bucket",
        "iris_http_request_duration_seconds_count",
        "iris_http_request_duration_seconds_sum",
        "iris_predictions_total",
        "iris_prediction_confidence_bucket",
        "iris_prediction_confidence_count",
        "iris_prediction_confidence_sum",
        "iris_out_of_range_total",
        "iris_model_info",
        "iris_model_accuracy",
        "iris_model_load_failures_total",
        "iris_training_runs_total",
        "iris_training_duration_seconds_bucket",
        "iris_training_duration_seconds_count",
        "iris_training_duration_seconds_sum",
    } == samples.keys()
    assert 3 == len(samples["iris_predictions_total"])
    assert 4 == len(samples["iris_out_of_range_total"])
    assert {"succeeded", "failed", "cancelled"} == {labels[0][1] for labels in samples["iris_training_runs_total"]}
    request = (("method", "POST"), ("route", "/predict"), ("status", "422"))
    assert 0 == samples["iris_http_requests_total"][request]
    assert {0.0} == set(samples["iris_predictions_total"].values())


def test_buckets_tell_apart_what_is_faster_than_a_millisecond(client: Client) -> None:
    buckets = {dict(labels)["le"] for labels in scrape(client)["iris_http_request_duration_seconds_bucket"]}

    assert {"0.00025", "0.0005", "0.001"} <= buckets


def test_answers_predictions_and_what_is_out_of_range_are_counted(client: Client) -> None:
    client.post("/predict", json=FLOWER)
    client.post("/predict", json=FLOWER | {"sepal_length": 29})
    client.post("/predict/batch", json={"flowers": [FLOWER] * 3})
    client.post("/predict", json={})
    samples = scrape(client)
    requests = samples["iris_http_requests_total"]

    assert 2 == requests[("method", "POST"), ("route", "/predict"), ("status", "200")]
    assert 1 == requests[("method", "POST"), ("route", "/predict"), ("status", "422")]
    assert 3 == samples["iris_http_request_duration_seconds_count"][("method", "POST"), ("route", "/predict")]
    assert 5 == sum(samples["iris_predictions_total"].values())
    assert 5 == samples["iris_prediction_confidence_count"][()]
    assert 1 == samples["iris_out_of_range_total"][(("feature", "sepal_length"),)]


def test_paths_of_callers_make_no_series(client: Client) -> None:
    for path in ("/nowhere", "/else/where", "/train/20260101T000000000000Z-01234567", "/models/x"):
        client.get(path)
    client.request("BREW", "/predict")
    requests = scrape(client)["iris_http_requests_total"]
    routes = {dict(labels)["route"] for labels in requests}

    assert 2 == requests[("method", "GET"), ("route", "unmatched"), ("status", "404")]
    assert 1 == requests[("method", "other"), ("route", "/predict"), ("status", "405")]
    assert not any(name in route for route in routes for name in ("nowhere", "else", "2026", "/x"))


def test_the_model_that_serves_is_shown_and_no_other(client: Client, artifact: Artifact) -> None:
    version = client.post("/train?wait=30", json={"epochs": 1, "promote": "always"}).json()["model_version"]
    samples = scrape(client)

    assert {(("version", version),): 1.0} == samples["iris_model_info"]
    assert {"training", "validation", "test"} == {labels[0][1] for labels in samples["iris_model_accuracy"]}


def test_runs_are_counted_and_timed_as_they_end(client: Client) -> None:
    client.post("/train?wait=30", json={"epochs": 1})
    samples = scrape(client)

    assert 1 == samples["iris_training_runs_total"][(("status", "succeeded"),)]
    assert 1 == samples["iris_training_duration_seconds_count"][()]


def test_json_tells_the_evaluation_and_the_counters(client: Client) -> None:
    client.post("/predict", json=FLOWER)
    body = client.get("/metrics", headers=JSON).json()
    current = client.get("/models/current").json()

    assert current["version"] == body["model_version"]
    assert current["card"]["evaluation"] == body["evaluation"]
    assert {"labels": {"species": "Iris-setosa"}, "value": 1.0} in body["counters"]["iris_predictions_total"]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "text/plain"),
        ("text/plain", "text/plain"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
        ("application/json", "application/json"),
    ],
)
def test_the_form_is_the_one_that_is_asked_for(accept: str, content_type: str, client: Client) -> None:
    response = client.get("/metrics", headers={"accept": accept})

    assert content_type == response.headers["content-type"].partition(";")[0]
