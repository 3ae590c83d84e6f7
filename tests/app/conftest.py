"""A service in this process, over a store with one model, and a client that calls it there."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings
from model.artifact import Artifact
from model.dataset import read_csv
from model.hyperparameters import Hyperparameters
from model.pipeline import train
from model.store import Store

FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


class Client:
    """Calls an app in this process, from tests that are not async themselves."""

    def __init__(self, app: FastAPI, call: Any, client: httpx.AsyncClient) -> None:
        self.app = app
        self._call = call
        self._client = client

    def request(self, method: str, path: str, **how: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            return await self._client.request(method, path, **how)

        response: httpx.Response = self._call(ask)
        return response

    def wait_until(self, condition: Callable[[], bool], timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come true in time"
            time.sleep(0.01)

    def get(self, path: str, **how: Any) -> httpx.Response:
        return self.request("GET", path, **how)

    def post(self, path: str, **how: Any) -> httpx.Response:
        return self.request("POST", path, **how)


@contextmanager
def in_process(app: FastAPI, caller: tuple[str, int] = ("127.0.0.1", 50000)) -> Iterator[Client]:
    """The app, started; `caller` is the address that requests come from."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=caller)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
        portal.wrap_async_context_manager(
            httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60)
        ) as client,
    ):
        yield Client(app, portal.call, client)


@contextmanager
def running(settings: Settings, caller: tuple[str, int] = ("127.0.0.1", 50000)) -> Iterator[Client]:
    """A started service."""
    with in_process(create_app(settings), caller) as client:
        yield client


@pytest.fixture(scope="session")
def artifact() -> Artifact:
    return train(read_csv(Path("data/Iris.csv")), Hyperparameters(epochs=50))[0]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(artifacts=tmp_path / "artifacts")


@pytest.fixture
def store(settings: Settings, artifact: Artifact) -> Store:
    """A store with one model, which serves."""
    store = Store(settings.artifacts)
    store.promote(store.add_model(artifact))
    return store


@pytest.fixture
def client(settings: Settings, store: Store) -> Iterator[Client]:
    with running(settings) as client:
        yield client
