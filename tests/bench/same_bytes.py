"""Same seed, same bytes: digests of artifacts over restarts, threads, script and service, and counts of workers.

    python -m tests.bench.same_bytes

Once for a recipe that learns in loops and once for one that learns in matrices, on a table that is
large enough for the linear algebra to take all the threads that it may.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx

from model.store import Store
from tests.bench.promises import insist
from tests.bench.servers import service
from tests.bench.stores import temporary_store
from tests.bench.tables import flowers, write_csv

_ROWS: Final = 20_000
_THREADS: Final = ("1", "2", "4")
_RECIPES: Final[dict[str, dict[str, Any]]] = {
    "loops": {"seed": 7, "epochs": 3},
    "matrices": {
        "seed": 7,
        "epochs": 3,
        "hidden_layers": [128, 128],
        "activation": "tanh",
        "output": "softmax",
        "initial_weights": "glorot",
        "optimizer": "adam",
        "learning_rate": 0.001,
        "batch_size": 4096,
    },
}


def threads(count: str) -> dict[str, str]:
    return {"OPENBLAS_NUM_THREADS": count, "OMP_NUM_THREADS": count}


def by_script(table: Path, recipe: dict[str, Any], environment: dict[str, str]) -> str:
    """Digest of what `python -m model.train` stores."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "model.train", "--data", str(table), "--artifacts", directory]
        subprocess.run([*command, *words(recipe)], env=os.environ | environment, check=True, capture_output=True)
        return digest(Store(Path(directory)), str(Store(Path(directory)).current()))


def words(recipe: dict[str, Any]) -> Iterator[str]:
    for name, value in recipe.items():
        yield f"--{name.replace('_', '-')}"
        yield from map(str, value if isinstance(value, list) else [value])


def by_service(table: Path, recipe: dict[str, Any], environment: dict[str, str], workers: int) -> str:
    """Digest of what `POST /train` stores."""
    with (
        temporary_store() as store,
        service(store.root, "--workers", str(workers), environment=environment | {"IRIS_DATA": str(table)}) as (at, _),
    ):
        answer = httpx.post(f"{at}/train?wait=30", json=recipe | {"promote": "never"}, timeout=60)
        run = answer.raise_for_status().json()
        if run["status"] != "succeeded":
            raise RuntimeError(f"the run {run['status']}: {run['reason']}")
        return digest(store, run["model_version"])


def digest(store: Store, version: str) -> str:
    return hashlib.sha256((store.root / "models" / f"{version}.safetensors").read_bytes()).hexdigest()[:16]


def digests(table: Path, recipe: dict[str, Any], empty: Path) -> Iterator[tuple[str, str]]:
    """By how they were made."""
    for count in _THREADS:
        yield f"script, {count} threads", by_script(table, recipe, threads(count))
    yield "script, once more", by_script(table, recipe, {})
    yield "script, compiled anew", by_script(table, recipe, {"NUMBA_CACHE_DIR": str(empty)})
    for count in _THREADS:
        yield f"service, 1 worker, {count} threads", by_service(table, recipe, threads(count), 1)
    yield "service, 2 workers", by_service(table, recipe, {}, 2)


def main() -> None:
    promises = {}
    with tempfile.TemporaryDirectory() as directory:
        table = Path(directory) / "flowers.csv"
        write_csv(flowers(_ROWS), table)
        for form, recipe in _RECIPES.items():
            empty = Path(directory) / form
            empty.mkdir()
            found = {}
            for how, made in digests(table, recipe, empty):
                print(f"{form:8}  {made}  {how}", flush=True)
                found[how] = made
            promises[f"{form}: {len(found)} artifacts of the same bytes"] = len(set(found.values())) == 1
    insist(promises)


if __name__ == "__main__":
    main()
