"""The page as it is served."""

from pathlib import Path

import pytest

from app.settings import Settings
from model.store import Store
from tests.app.conftest import Client, running


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/page/style.css", "/page/icon.svg"])
def test_files_of_the_page_come_with_a_policy_that_allows_nothing_from_elsewhere(path: str, client: Client) -> None:
    response = client.get(path)
    policy = dict(part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";"))

    assert 200 == response.status_code
    assert "'none'" == policy["default-src"]
    assert "'self'" == policy["script-src"] == policy["connect-src"]
    assert not any(word in policy["style-src"] for word in ("unsafe-inline", "http", "*"))
    assert "nosniff" == response.headers["x-content-type-options"]


@pytest.mark.parametrize("path", ["/page/main.js", "/page/plotly.min.js"])
def test_what_has_not_changed_is_not_sent_again(path: str, client: Client) -> None:
    tag = client.get(path).headers["etag"]
    response = client.get(path, headers={"if-none-match": tag})

    assert (304, b"") == (response.status_code, response.content)
    assert 200 == client.get(path, headers={"if-none-match": '"another"'}).status_code


def test_the_charts_are_sent_compressed_to_whoever_can_read_that(client: Client) -> None:
    compressed = client.get("/page/plotly.min.js", headers={"accept-encoding": "gzip"})
    plain = client.get("/page/plotly.min.js", headers={"accept-encoding": "identity"})

    assert "gzip" == compressed.headers["content-encoding"]
    assert 1_700_000 > int(compressed.headers["content-length"])
    assert "content-encoding" not in plain.headers
    assert compressed.content == plain.content  # the client has taken it apart
    assert b"plotly.js" in plain.content[:200]
    assert {"text/javascript; charset=utf-8"} == {each.headers["content-type"] for each in (compressed, plain)}


def test_what_is_no_file_of_the_page_is_a_problem_and_not_the_page(client: Client) -> None:
    for path in ("/nowhere", "/page/none.js", "/page/../../settings.py", "/page"):
        response = client.get(path, headers={"accept": "text/html"})
        assert (404, "application/problem+json") == (response.status_code, response.headers["content-type"])


def test_the_page_is_read_only(client: Client) -> None:
    response = client.post("/")

    assert (405, "GET, HEAD") == (response.status_code, response.headers["allow"])


def test_the_page_can_be_switched_off_and_the_api_stays(settings: Settings, store: Store) -> None:
    with running(settings.model_copy(update={"page": False})) as client:
        for path in ("/", "/page/main.js", "/page/plotly.min.js"):
            assert 404 == client.get(path).status_code
        assert 200 == client.get("/health/ready").status_code


def test_off_is_a_word_that_the_setting_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRIS_PAGE", "off")

    assert Settings().page is False


def test_nothing_on_the_page_names_another_server() -> None:
    for path in Path("app/web").rglob("*.*"):
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, path
