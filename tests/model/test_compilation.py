"""Machine code means what the Python means that it is made of, wherever it can or cannot be kept."""

import os
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns

import msgspec
import numpy as np
import pytest

from tests.model.processes import ROOT, answer
from tests.model.recipes import outcome


def test_the_compiled_loops_give_what_the_same_lines_give_uncompiled() -> None:
    uncompiled = msgspec.json.decode(answer("-m", "tests.model.recipes", NUMBA_DISABLE_JIT="1"), type=list[list[float]])
    for expected, found in zip(uncompiled, outcome(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


# Where the machine code is kept.

# The smallest of the compiled functions: a step of 0.5 from 1, down a gradient of 1.
STEP = """
import numpy as np
from model import kernel
from model.state import Layers, Recipe, State

recipe = Recipe(np.array([2, 1]), 0, 0, False, 0.0, 0.0, 1, np.ones(1))
state = State(*(Layers(np.ones((1, 2, 2)), np.ones((1, 2))) for _ in State._fields))
kernel.step_down(recipe, state, 0.5, 1)
print(state.parameters.biases[0, 0], kernel.step_down._cache.cache_path or "-")
"""


# Root, whom no permission binds, gives that up and begins anew: 24 is PR_CAPBSET_DROP, 1 and 2 are
# CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
HUMBLE = """
import ctypes, os, sys
for capability in (1, 2):
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """The code alone, uncompiled, in a directory that may be read and not written."""
    directory = tmp_path / "readable"
    copytree(ROOT / "model", directory / "model", ignore=ignore_patterns("__pycache__"))
    places = (directory / "model" / "__pycache__", directory / "model", directory)
    places[0].mkdir()
    for place in places:
        place.chmod(0o555)
    yield directory
    for place in reversed(places):
        place.chmod(0o755)


def humbly(script: str, copy: Path, **environment: str) -> str:
    """What a script tells whom permissions bind, whoever runs these tests, and who has no home to write to."""
    unwritable = answer("-c", HUMBLE, "-c", f"import os; print(os.access({str(copy)!r}, os.W_OK))", cwd=copy)
    if unwritable != b"False\n":
        pytest.skip("no permission binds this user, nor can that be given up")
    unmeasured = {name: "" for name in os.environ if name.startswith("COVERAGE_")}
    homeless = {"HOME": str(copy), "XDG_CACHE_HOME": str(copy)}
    return answer("-c", HUMBLE, "-c", script, cwd=copy, **unmeasured, **homeless, **environment).decode()


def kept_in(directory: Path) -> set[str]:
    """Functions whose machine code is there."""
    return {path.name.split("-")[0] for path in directory.rglob("*.nbc")}


def test_it_is_made_anew_where_it_can_be_kept_nowhere(copy: Path) -> None:
    assert "0.5 -\n" == humbly(STEP, copy)
    assert set() == kept_in(copy)


def test_it_is_kept_where_numba_cache_dir_says(copy: Path, tmp_path: Path) -> None:
    place = tmp_path / "cache"
    found, told = humbly(STEP, copy, NUMBA_CACHE_DIR=str(place)).split()
    assert "0.5" == found
    assert Path(told).is_relative_to(place)
    assert "kernel.step_down" in kept_in(place)
    assert set() == kept_in(copy)


def test_it_is_made_anew_when_a_function_that_is_taken_in_has_changed(tmp_path: Path) -> None:
    copytree(ROOT / "model", tmp_path / "model", ignore=ignore_patterns("__pycache__"))
    network = tmp_path / "model" / "network.py"

    def found_again() -> int:
        return int(answer("-c", f"{STEP}print(kernel.step_down.stats.cache_hits.total())", cwd=tmp_path).split()[-1])

    assert [0, 1] == [found_again(), found_again()]
    network.write_text(f"{network.read_text()}# another function\n")
    assert [0, 1] == [found_again(), found_again()]
