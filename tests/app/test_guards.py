"""Who may change the model, told before the body is read."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import SecretStr

from app.guards import AdminRoute
from app.main import create_app
from app.settings import Settings
from model.store import Store
from tests.app.conftest import Client, running

TOKEN = "correct horse battery staple"
CHANGING = {
    ("POST", "/train"),
    ("DELETE", "/train/{run_id}"),
    ("POST", "/models/{version}/promote"),
    ("PUT", "/datasets/{name}"),
    ("DELETE", "/datasets/{name}"),
}


def test_exactly_the_routes_that_change_something_are_for_administrators() -> None:
    routes = [context.original_route for context in iter_route_contexts(create_app(Settings()).routes)]
    guarded = {
        (method, route.path) for route in routes if isinstance(route, AdminRoute) for method in route.methods or ()
    }
    others = {method for route in routes if isinstance(route, APIRoute) for method in route.methods or ()}

    assert guarded == CHANGING
    assert {"GET", "POST", "PUT", "DELETE"} == others


def ask(client: Client, **headers: str) -> int:
    """The status of a request that an administrator would get 422 for."""
    return client.post("/train", json={"epochs": 0}, headers=headers).status_code


@pytest.fixture(params=["set", "in a file"])
def guarded(request: pytest.FixtureRequest, settings: Settings, store: Store, tmp_path: Path) -> Settings:
    if request.param == "set":
        return settings.model_copy(update={"admin_token": SecretStr(TOKEN)})
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return settings.model_copy(update={"admin_token_file": file})


@pytest.mark.parametrize("caller", ["127.0.0.1", "192.0.2.1"])
def test_with_a_token_only_its_bearer_may(caller: str, guarded: Settings) -> None:
    with running(guarded, caller=(caller, 1)) as client:
        assert 422 == ask(client, authorization=f"Bearer {TOKEN}")
        assert 422 == ask(client, authorization=f"bearer {TOKEN}")
        for wrong in ("", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"):
            assert 401 == ask(client, authorization=wrong)
        assert 401 == ask(client)


def test_a_refusal_says_how_to_be_let_in(guarded: Settings) -> None:
    with running(guarded) as client:
        response = client.post("/train")

    assert "Bearer" == response.headers["www-authenticate"]
    assert TOKEN not in response.text


def test_a_token_beyond_ascii_is_compared_by_its_bytes(settings: Settings, store: Store) -> None:
    with running(settings.model_copy(update={"admin_token": SecretStr("pässwörter")})) as client:
        header = {"authorization": "Bearer pässwörter".encode()}

        assert 422 == client.post("/train", json={"epochs": 0}, headers=header).status_code
        assert 401 == ask(client, authorization="Bearer passworter")


@pytest.mark.parametrize("caller", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "testclient"])
def test_without_a_token_local_callers_may(caller: str, settings: Settings, store: Store) -> None:
    with running(settings, caller=(caller, 1)) as client:
        assert 422 == ask(client)


@pytest.mark.parametrize("caller", ["192.0.2.1", "10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "localhost.example"])
def test_without_a_token_callers_from_elsewhere_may_not(caller: str, settings: Settings, store: Store) -> None:
    with running(settings, caller=(caller, 1)) as client:
        assert 403 == ask(client)
        assert "IRIS_ADMIN_TOKEN" in client.post("/train").json()["detail"]


@pytest.mark.parametrize("header", ["forwarded", "x-forwarded-for", "via"])
def test_without_a_token_what_came_through_a_proxy_may_not(header: str, client: Client) -> None:
    assert 403 == ask(client, **{header: "127.0.0.1"})


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"origin": "http://[broken"},
        {"host": "elsewhere.example"},
        {"host": "localhost.elsewhere.example"},
        {"host": ""},
    ],
)
def test_without_a_token_web_pages_of_others_may_not_use_a_local_browser(
    headers: dict[str, str], client: Client
) -> None:
    assert 403 == ask(client, **headers)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000"])
def test_without_a_token_pages_of_this_service_may(host: str, client: Client) -> None:
    assert 422 == ask(client, host=host, origin=f"http://{host}")


def test_who_may_not_is_told_before_the_body_is_read(settings: Settings, store: Store) -> None:
    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(b"{}")
        yield b"{}"

    headers = {"content-type": "application/json"}
    with running(settings, caller=("192.0.2.1", 1)) as client:
        assert 403 == client.post("/train", content=body(), headers=headers).status_code

    assert [] == read
