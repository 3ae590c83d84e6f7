"""Every status of every route: declared in OpenAPI, answered for real, in the one shape of errors."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.settings import Settings
from model.artifact import Artifact
from model.dataset import parse_csv
from model.hyperparameters import Hyperparameters
from model.run import failed, queued
from model.store import Store
from model.summary import summarize
from tests.app.conftest import FLOWER, Client, running

JSON = {"content-type": "application/json"}
BATCH = {"flowers": [FLOWER]}
TOKEN = "the administrators' token"
MISSING = "20260101T000000000000Z-0123456789abcdef"
TABLE = Path("data/Iris.csv").read_bytes()
CSV: dict[str, Any] = {"content": TABLE, "headers": {"content-type": "text/csv"}}


@dataclass(frozen=True)
class Case:
    """A request that a route answers with a status, in one of the services below."""

    status: int
    method: str
    path: str
    route: str
    how: dict[str, Any]
    service: str = "usual"

    def __str__(self) -> str:
        return f"{self.status} {self.method} {self.path} ({self.service})"


def case(status: int, request: str, route: str | None = None, service: str = "usual", **how: Any) -> Case:
    method, path = request.split()
    return Case(status, method, path, route or path.partition("?")[0], how, service)


def body_cases(path: str, good: Any) -> Iterator[Case]:
    post = f"POST {path}"
    yield case(400, post, content=b"{", headers=JSON)
    yield case(413, post, content=b" " * 3_000_000, headers=JSON)
    yield case(415, post, content=json.dumps(good), headers={"content-type": "text/plain"})
    yield case(422, post, json={"unknown": 1})


async def dribble() -> AsyncIterator[bytes]:
    """A body that pauses for ever after its first byte."""
    yield b"I"
    await asyncio.Event().wait()


CASES = [
    case(200, "POST /predict", json=FLOWER),
    *body_cases("/predict", FLOWER),
    case(503, "POST /predict", service="without a model", json=FLOWER),
    case(200, "POST /predict/batch", json=BATCH),
    *body_cases("/predict/batch", BATCH),
    case(503, "POST /predict/batch", service="without a model", json=BATCH),
    case(201, "POST /train?wait=30", json={"epochs": 1}),
    case(202, "POST /train?wait=0", json={"epochs": 1}),
    *body_cases("/train", {}),
    case(401, "POST /train", service="with a token"),
    case(403, "POST /train", service="called from elsewhere"),
    case(429, "POST /train?wait=0", service="with a full queue", json={"epochs": 1}),
    case(503, "POST /train", service="without a disk"),
    case(200, "GET /train"),
    case(422, "GET /train?limit=0"),
    case(503, "GET /train", service="without a disk"),
    case(200, "GET /train/{run}", "/train/{run_id}"),
    case(404, "GET /train/20260101T000000000000Z-01234567", "/train/{run_id}"),
    case(503, "GET /train/{run}", "/train/{run_id}", service="without a disk"),
    case(200, "GET /train/{run}/events", "/train/{run_id}/events"),
    case(404, "GET /train/20260101T000000000000Z-01234567/events", "/train/{run_id}/events"),
    case(503, "GET /train/{run}/events", "/train/{run_id}/events", service="without a disk"),
    case(200, "DELETE /train/{waiting}", "/train/{run_id}", service="with runs that wait and hang"),
    case(202, "DELETE /train/{begun}", "/train/{run_id}", service="with runs that wait and hang"),
    case(401, "DELETE /train/{run}", "/train/{run_id}", service="with a token"),
    case(403, "DELETE /train/{run}", "/train/{run_id}", service="called from elsewhere"),
    case(404, "DELETE /train/20260101T000000000000Z-01234567", "/train/{run_id}"),
    case(409, "DELETE /train/{run}", "/train/{run_id}"),
    case(503, "DELETE /train/{run}", "/train/{run_id}", service="without a disk"),
    case(200, "GET /models"),
    case(503, "GET /models", service="without a disk"),
    case(200, "GET /models/{version}", "/models/{version}"),
    case(200, "GET /models/current", "/models/{version}"),
    case(404, f"GET /models/{MISSING}", "/models/{version}"),
    case(500, "GET /models/{damaged}", "/models/{version}"),
    case(503, "GET /models/current", "/models/{version}", service="without a model"),
    *(
        case(status, f"GET /models/{version}/{part}", f"/models/{{version}}/{part}", service=service)
        for part in ("artifact", "rows")
        for status, version, service in (
            (200, "{version}", "usual"),
            (404, MISSING, "usual"),
            (500, "{damaged}", "usual"),
            (503, "{version}", "without a disk"),
        )
    ),
    case(200, "POST /models/{version}/promote", "/models/{version}/promote"),
    case(401, "POST /models/{version}/promote", "/models/{version}/promote", service="with a token"),
    case(403, "POST /models/{version}/promote", "/models/{version}/promote", service="called from elsewhere"),
    case(404, f"POST /models/{MISSING}/promote", "/models/{version}/promote"),
    case(500, "POST /models/{damaged}/promote", "/models/{version}/promote"),
    case(503, "POST /models/{version}/promote", "/models/{version}/promote", service="without a disk"),
    case(200, "GET /datasets"),
    case(503, "GET /datasets", service="without a disk"),
    case(200, "GET /datasets/mine", "/datasets/{name}"),
    case(200, "GET /datasets/iris", "/datasets/{name}", headers={"accept": "text/csv"}),
    case(404, "GET /datasets/missing", "/datasets/{name}"),
    case(503, "GET /datasets/mine", "/datasets/{name}", service="without a disk"),
    case(201, "PUT /datasets/new", "/datasets/{name}", **CSV),
    case(200, "PUT /datasets/mine", "/datasets/{name}", **CSV),
    case(401, "PUT /datasets/new", "/datasets/{name}", service="with a token", **CSV),
    case(403, "PUT /datasets/new", "/datasets/{name}", service="called from elsewhere", **CSV),
    case(408, "PUT /datasets/new", "/datasets/{name}", service="without patience", **CSV | {"content": dribble()}),
    case(409, "PUT /datasets/iris", "/datasets/{name}", **CSV),
    case(413, "PUT /datasets/new", "/datasets/{name}", **CSV | {"content": b" " * (64 * 2**20 + 1)}),
    case(415, "PUT /datasets/new", "/datasets/{name}", content=TABLE),
    case(422, "PUT /datasets/new", "/datasets/{name}", **CSV | {"content": b"no table"}),
    case(503, "PUT /datasets/new", "/datasets/{name}", service="without a disk", **CSV),
    case(204, "DELETE /datasets/theirs", "/datasets/{name}"),
    case(401, "DELETE /datasets/mine", "/datasets/{name}", service="with a token"),
    case(403, "DELETE /datasets/mine", "/datasets/{name}", service="called from elsewhere"),
    case(404, "DELETE /datasets/missing", "/datasets/{name}"),
    case(409, "DELETE /datasets/iris", "/datasets/{name}"),
    case(503, "DELETE /datasets/mine", "/datasets/{name}", service="without a disk"),
    case(200, "GET /metrics"),
    case(200, "GET /health/live"),
    case(200, "GET /health/ready"),
    case(503, "GET /health/ready", service="without a model"),
]


class Services:
    """One service of each kind that the cases name, started when it is first asked for."""

    def __init__(self, root: Path, artifact: Artifact) -> None:
        self._root = root
        self._artifact = artifact
        self._started: dict[str, Client] = {}
        self._names: dict[str, dict[str, str]] = {}
        self.stack = ExitStack()

    def __getitem__(self, name: str) -> Client:
        if name not in self._started:
            root = self._root / name.replace(" ", "-")
            store = self._stored(root, name)
            self._started[name] = self.stack.enter_context(_KINDS[name](Settings(artifacts=root), store))
        return self._started[name]

    def ask(self, case: Case) -> httpx.Response:
        client = self[case.service]
        return client.request(case.method, case.path.format(**self._names[case.service]), **case.how)

    def _stored(self, root: Path, name: str) -> Store:
        store = Store(root)
        version = store.add_model(self._artifact)
        damaged = store.add_model(self._artifact)
        (root / "models" / f"{damaged}.safetensors").write_bytes(b"damaged")
        store.promote(version)
        for dataset in ("mine", "theirs"):
            with store.tables.draft() as draft:
                draft.write(TABLE)
                store.tables.put(summarize(parse_csv(TABLE, dataset, source=dataset)), draft, limit=2)
        run = queued(Hyperparameters())
        store.save_run(failed(run, "The first."))
        begun, waiting = queued(Hyperparameters()), queued(Hyperparameters())
        ids = {"run": run.id, "begun": begun.id, "waiting": waiting.id}
        self._names[name] = {"version": version, "damaged": damaged, **ids}
        if name == "with runs that wait and hang":
            store.enqueue(begun, limit=2)
            store.enqueue(waiting, limit=2)
        return store


@contextmanager
def usual(settings: Settings, store: Store) -> Iterator[Client]:
    with running(settings) as client:
        yield client


@contextmanager
def without_a_model(settings: Settings, store: Store) -> Iterator[Client]:
    shutil.rmtree(store.root)
    with running(settings.model_copy(update={"data": Path("there-is-none.csv")})) as client:
        yield client


@contextmanager
def with_a_token(settings: Settings, store: Store) -> Iterator[Client]:
    with running(Settings(artifacts=settings.artifacts, admin_token=SecretStr(TOKEN))) as client:
        yield client


@contextmanager
def called_from_elsewhere(settings: Settings, store: Store) -> Iterator[Client]:
    with running(settings, caller=("192.0.2.1", 50000)) as client:
        yield client


@contextmanager
def with_a_full_queue(settings: Settings, store: Store) -> Iterator[Client]:
    with store.training(timeout_seconds=0), running(settings.model_copy(update={"training_queue_size": 1})) as client:
        store.enqueue(queued(Hyperparameters(epochs=1)), limit=1)
        yield client


@contextmanager
def with_runs_that_wait_and_hang(settings: Settings, store: Store) -> Iterator[Client]:
    with store.training(timeout_seconds=0), running(settings) as client:
        store.begin(store.pending()[0].id)
        yield client


@contextmanager
def without_patience(settings: Settings, store: Store) -> Iterator[Client]:
    with running(settings.model_copy(update={"upload_idle_seconds": 0.1})) as client:
        yield client


@contextmanager
def without_a_disk(settings: Settings, store: Store) -> Iterator[Client]:
    with running(settings) as client:
        shutil.rmtree(store.root)
        store.root.touch()
        yield client


_KINDS = {
    "usual": usual,
    "without a model": without_a_model,
    "with a token": with_a_token,
    "called from elsewhere": called_from_elsewhere,
    "with a full queue": with_a_full_queue,
    "with runs that wait and hang": with_runs_that_wait_and_hang,
    "without patience": without_patience,
    "without a disk": without_a_disk,
}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, artifact: Artifact) -> Iterator[Services]:
    services = Services(tmp_path_factory.mktemp("contract"), artifact)
    with services.stack:
        yield services


@pytest.fixture(scope="module")
def openapi(services: Services) -> dict[str, Any]:
    schema: dict[str, Any] = services["usual"].get("/openapi.json").json()
    return schema


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_route_answers_as_it_declares(case: Case, services: Services, openapi: dict[str, Any]) -> None:
    """The status, declared; the media type, declared for it; errors in the one shape."""
    response = services.ask(case)

    assert case.status == response.status_code, response.text
    declared = openapi["paths"][case.route][case.method.lower()]["responses"][str(case.status)]
    if case.status == 204:
        assert b"" == response.content
        return
    assert response.headers["content-type"].partition(";")[0] in declared["content"]
    if case.status >= 400:
        assert {"type", "title", "status", "detail", "errors"} == response.json().keys()
        assert case.status == response.json()["status"]
        assert "application/problem+json" == response.headers["content-type"]


def test_every_declared_status_of_every_route_has_a_case(openapi: dict[str, Any]) -> None:
    declared = {
        (method.upper(), route, int(status))
        for route, operations in openapi["paths"].items()
        for method, operation in operations.items()
        for status in operation["responses"]
    }

    assert declared == {(case.method, case.route, case.status) for case in CASES}


def test_the_description_promises_no_error_in_another_shape(openapi: dict[str, Any]) -> None:
    errors = [
        response
        for operations in openapi["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if status >= "400"
    ]

    assert errors
    assert all(list(response["content"]) == ["application/problem+json"] for response in errors)
    assert "HTTPValidationError" not in openapi["components"]["schemas"]


def test_every_reference_of_the_description_leads_somewhere(openapi: dict[str, Any]) -> None:
    text = json.dumps(openapi)
    referred = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}

    assert set() == referred - openapi["components"]["schemas"].keys()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/predict/", 404), ("GET", "/predict", 405), ("DELETE", "/health/live", 405)],
)
def test_what_no_route_knows_is_answered_in_the_same_shape(
    method: str, path: str, status: int, services: Services
) -> None:
    response = services["usual"].request(method, path)

    assert status == response.status_code
    assert "application/problem+json" == response.headers["content-type"]


def test_what_is_allowed_is_told_of_all_methods_of_a_path(services: Services) -> None:
    assert "GET, HEAD, POST" == services["usual"].request("PUT", "/train").headers["allow"]


@pytest.mark.parametrize(
    "path", ["/train", "/models/current", "/datasets/iris", "/health/ready", "/docs", "/openapi.json"]
)
def test_head_is_answered_as_get_without_the_body(path: str, services: Services) -> None:
    head, get = (services["usual"].request(method, path) for method in ("HEAD", "GET"))

    assert (200, b"") == (head.status_code, head.content)
    assert dict(get.headers) == dict(head.headers)


def test_head_of_what_cannot_be_got_is_refused_as_get_would_be(services: Services) -> None:
    assert 405 == services["usual"].request("HEAD", "/predict").status_code
    assert 404 == services["usual"].request("HEAD", "/nowhere").status_code


def test_examples_of_the_description_work_when_tried(openapi: dict[str, Any], services: Services) -> None:
    for schema, path, status in (
        ("Flower", "/predict", 200),
        ("Batch", "/predict/batch", 200),
        ("TrainingRequest", "/train?wait=30", 201),
    ):
        examples = openapi["components"]["schemas"][schema]["examples"]

        assert examples
        assert all(status == services["usual"].post(path, json=example).status_code for example in examples)
