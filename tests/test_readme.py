"""The README says what the code does."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from app.main import create_app
from app.settings import Settings
from model.train import main
from tests.app.conftest import Client, running

README = Path("README.md").read_text()
PROJECT = tomllib.loads(Path("pyproject.toml").read_text())["project"]
CONSOLE = re.findall(r"```console\n\$ (.*?)\n(.*?)```", README, re.DOTALL)


def table(heading: str) -> list[list[str]]:
    """Cells of the rows of the first table below a heading."""
    lines = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def agree(expected: Any, actual: Any) -> bool:
    """Whether they are alike where the expected does not say "..."; numbers to six digits."""
    if expected == "...":
        return True
    if isinstance(expected, dict) and isinstance(actual, dict):
        named = {key: value for key, value in expected.items() if key != "..."}
        return (named.keys() == actual.keys() or "..." in expected) and all(
            key in actual and agree(value, actual[key]) for key, value in named.items()
        )
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(agree, expected, actual))
    if isinstance(expected, float):
        return bool(pytest.approx(expected, rel=1e-6) == actual)
    return bool(expected == actual)


def ask(client: Client, command: str) -> Any:
    """What a curl command of the tour gets."""
    words = shlex.split(command)
    url = next(word for word in words if word.startswith("localhost"))
    headers = dict(words[i + 1].split(": ") for i, word in enumerate(words) if word == "-H")
    body = next((words[i + 1] for i, word in enumerate(words) if word == "-d"), None)
    path = url.removeprefix("localhost:8000")
    return client.request("POST" if body else "GET", path, headers=headers, content=body).json()


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running(Settings(artifacts=tmp_path_factory.mktemp("tour") / "artifacts")) as client:
        yield client


def test_the_tour_gets_the_answers_that_it_shows(first_start: Client) -> None:
    """All in one test, for they are the steps of one tour."""
    tour = [(command, answer) for command, answer in CONSOLE if command.startswith("curl")]

    assert 6 == len(tour)
    for command, answer in tour:
        assert agree(json.loads(answer), ask(first_start, command)), command


def test_the_comparison_of_the_tour_can_fail() -> None:
    assert agree({"a": 1.0, "b": "..."}, {"a": 1.0000001, "b": [1]})
    assert agree({"a": [{"b": 1}], "...": "..."}, {"a": [{"b": 1}], "c": 2})
    assert not agree({"a": 1.0}, {"a": 1.1})
    assert not agree({"a": 1}, {"a": 1, "b": 2})
    assert not agree({"a": 1, "...": "..."}, {"b": 2})
    assert not agree([1], [1, 2])


def test_the_script_prints_what_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command, shown = next(each for each in CONSOLE if "model.train" in each[0])

    assert 0 == main([*shlex.split(command)[3:], "--artifacts", str(tmp_path)])
    assert shown.splitlines()[:-1] == capsys.readouterr().out.splitlines()[:-1]  # but the version


def test_every_setting_is_in_the_table_with_its_default_and_meaning() -> None:
    defaults = {
        f"`IRIS_{name.upper()}`": ["" if field.default is None else f"`{field.default}`", field.description]
        for name, field in Settings.model_fields.items()
    }

    assert defaults == {variable: rest for variable, *rest in table("Settings")}


def test_every_route_is_in_the_table() -> None:
    routes = [context.original_route for context in iter_route_contexts(create_app(Settings()).routes)]
    described = {
        f"`{method} {route.path}`"
        for route in routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods or ()
    }

    assert described == {row[0] for row in table("Routes")}


def test_the_map_names_every_room() -> None:
    the_map = README.partition("## The house")[2].partition("```\n\n")[0]
    rooms = {
        path.name
        for folder in ("app", "model")
        for path in Path(folder).iterdir()
        if path.suffix == ".py" and not path.name.startswith("__")
    }

    assert set() == {room for room in rooms if room not in the_map}


def test_no_place_is_left_to_be_filled_in() -> None:
    assert [] == re.findall(r"^[A-Z]{4,}$", README, re.MULTILINE)


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert Path(target).exists(), target


def test_every_command_that_measures_is_there() -> None:
    modules = set(re.findall(r"tests\.(?:bench|chaos)\.\w+", README))
    assert modules
    for module in modules:
        assert Path(f"{module.replace('.', '/')}.py").exists(), module


def test_the_version_is_one() -> None:
    assert PROJECT["version"] == create_app(Settings()).version
    assert f"## {PROJECT['version']} - " in Path("CHANGELOG.md").read_text()
