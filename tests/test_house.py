"""The arrows of the house: rows -> arrays -> network -> artifact -> service -> response, never back."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MODEL = sorted(Path("model").rglob("*.py"))
APP = sorted(Path("app").rglob("*.py"))
WARM = Path("model/warm.py")  # a fork server has no other way to prepare than to import
TRAINING_ONLY = tuple(
    f"model.{name}"
    for name in (
        "arguments",
        "compilation",
        "crossvalidation",
        "dataset",
        "exponential",
        "exponential",
        "job",
        "kernel",
        "learner",
        "matrices",
        "pipeline",
        "search",
        "specimens",
        "train",
        "training",
        "warm",
    )
)


def imported(path: Path) -> Iterator[str]:
    """Modules that a file imports anywhere, but for its types alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert 0 == node.level, f"{path} imports by dots"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODEL, ids=str)
def test_the_model_knows_nothing_of_the_service_or_of_http(path: Path) -> None:
    roots = {name.partition(".")[0] for name in imported(path)}

    assert set() == roots & {"app", "fastapi", "starlette", "pydantic", "prometheus_client", "uvicorn", "http"}


@pytest.mark.parametrize("path", APP, ids=str)
def test_the_service_imports_nothing_that_only_training_needs(path: Path) -> None:
    assert set() == set(imported(path)) & {"pandas", "numba", *TRAINING_ONLY}


@pytest.mark.parametrize("module", ["app.main", "app.__main__", "model.child", "model.store"])
def test_a_worker_loads_neither_pandas_nor_numba(module: str) -> None:
    code = f"import sys, {module}; print(*[m for m in ('pandas', 'numba', 'tqdm') if m in sys.modules])"

    assert "\n" == subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("path", [path for path in MODEL if path != WARM], ids=str)
def test_importing_the_model_does_nothing(path: Path) -> None:
    """No call at the top of a module but to make a constant: no file is read, no process started."""
    calls = [
        ast.unparse(node.value.func)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]

    assert [] == calls


def test_pandas_lives_in_one_room() -> None:
    assert [Path("model/dataset.py")] == [path for path in MODEL + APP if "pandas" in set(imported(path))]


def test_numba_lives_in_one_room() -> None:
    assert [Path("model/compilation.py")] == [path for path in MODEL + APP if "numba" in set(imported(path))]


@pytest.mark.parametrize("path", MODEL + APP, ids=str)
def test_no_room_is_called_utils_and_none_outgrows_its_purpose(path: Path) -> None:
    assert path.stem not in {"utils", "helpers", "common", "misc"}
    assert len(path.read_text().splitlines()) <= 300


def test_the_top_level_holds_what_the_card_says() -> None:
    tracked = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True).stdout.splitlines()
    top = {name.partition("/")[0] for name in tracked}

    assert {"app", "model", "tests", "data", "Dockerfile", "pyproject.toml", "README.md"} <= top
    assert {name for name in top if not name.startswith(".")} <= {
        "app",
        "model",
        "tests",
        "data",
        "Dockerfile",
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "requirements.lock",
        "requirements-dev.lock",
    }


def test_locks_carry_hashes_and_no_addresses() -> None:
    for lock in map(Path, ("requirements.lock", "requirements-dev.lock")):
        pinned = [line for line in lock.read_text().splitlines() if "==" in line]

        assert pinned
        assert all(line.endswith("\\") for line in pinned)
        assert "://" not in lock.read_text()
