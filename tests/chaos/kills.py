"""Kills (-9) at random moments: of the training child, and of the whole service with all its processes.

    python -m tests.chaos.kills [--child 200] [--service 50] [--seed 0]

A killed child must cost nothing but its run: every prediction is answered, the run ends as failed
(or as succeeded, if it was just through) within 2 s, the next run works. A killed service, every
second one while it trains, must serve a sound model at the next start, the old one or a newer
stored one; every stored model loads, no temporary file is left, every run reaches an end.
"""

import argparse
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from model.errors import ModelError
from model.run import Run, Status
from model.store import Store
from tests.bench.promises import insist
from tests.bench.servers import kill, service, training_children, until
from tests.bench.stores import temporary_store
from tests.services import FLOWER

_ENVIRONMENT = {"IRIS_KEEP_MODELS": "10000"}
_EPOCHS = (1, 100, 10_000)
_SECONDS_TO_CLOSE = 2.0
_SHARE_WHILE_TRAINING = 0.5
_SECONDS_TRAINING = 0.1
_SECONDS_ALIVE = 3.0  # longer than the first run of a start takes


@contextmanager
def predicting(address: str) -> Iterator[Counter[int]]:
    """Statuses of the predictions that are asked for all the while, some hundred a second; 0 for none."""
    statuses: Counter[int] = Counter()
    done = threading.Event()

    def predict() -> None:
        with httpx.Client(base_url=address, timeout=30) as client:
            while not done.wait(0.005):
                try:
                    statuses[client.post("/predict", json=FLOWER).status_code] += 1
                except httpx.TransportError:
                    statuses[0] += 1

    thread = threading.Thread(target=predict)
    thread.start()
    try:
        yield statuses
    finally:
        done.set()
        thread.join()


def train(address: str, wait: float, epochs: int) -> dict[str, Any]:
    recipe = {"epochs": epochs, "promote": "always"}
    run: dict[str, Any] = httpx.post(f"{address}/train?wait={wait}", json=recipe, timeout=60).raise_for_status().json()
    return run


def seconds_of(address: str, epochs: int) -> float:
    """How long a run takes, from asking to its end."""
    began = time.monotonic()
    train(address, 30, epochs)
    return time.monotonic() - began


def kill_child(worker: psutil.Process, store: Store, run_id: str, delay_seconds: float) -> tuple[Run, int, float]:
    """The record of a run whose child is killed after so long, whether it still lived, and how long the end took."""
    until(lambda: training_children(worker) or store.run(run_id).ended)
    time.sleep(delay_seconds)
    doomed = training_children(worker)
    for child in doomed:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    began = time.monotonic()
    until(lambda: store.run(run_id).ended, timeout_seconds=10)
    return store.run(run_id), len(doomed), time.monotonic() - began


def kill_children(store: Store, count: int, moments: random.Random) -> dict[str, bool]:
    ends: Counter[Status] = Counter()
    next_ends: Counter[str] = Counter()
    slowest, kills, tries = 0.0, 0, 0
    with service(store.root, environment=_ENVIRONMENT) as (address, process):
        worker = psutil.Process(process.pid)
        train(address, 30, 1)  # the fork server is up from now on
        seconds_by_epochs = {epochs: seconds_of(address, epochs) for epochs in _EPOCHS}
        with predicting(address) as statuses:
            while kills < count and tries < 3 * count:
                tries += 1
                epochs = moments.choice(_EPOCHS)
                delay = moments.uniform(0, seconds_by_epochs[epochs])
                run, killed, seconds = kill_child(worker, store, train(address, 0, epochs)["id"], delay)
                kills += killed
                ends[run.status] += killed
                slowest = max(slowest, seconds)
                next_ends[train(address, 30, 1)["status"]] += 1
    print(f"{kills} kills of the child in {tries} runs: killed ones {_counted(ends)}; slowest end {slowest:.2f} s")
    print(f"  next runs {_counted(next_ends)}; predictions by status {_counted(statuses)}")
    return {
        f"{count} children were killed": kills >= count,
        "every prediction is answered 200": set(statuses) == {200},
        "killed runs end as failed or succeeded": set(ends) <= {Status.FAILED, Status.SUCCEEDED},
        "within 2 s": slowest < _SECONDS_TO_CLOSE,
        "the next run works": set(next_ends) == {"succeeded"},
    }


def ask_for_runs(address: str, moments: random.Random, accepted: list[str]) -> None:
    """Keep the queue full until the service is gone."""
    with httpx.Client(base_url=address, timeout=30) as client, suppress(httpx.TransportError):
        while True:
            recipe = {"epochs": moments.choice((1, 10, 300)), "promote": "always"}
            response = client.post("/train?wait=0", json=recipe)
            if response.is_success:
                accepted.append(response.json()["id"])
            time.sleep(0.02)


def kill_service(store: Store, moments: random.Random, accepted: list[str]) -> set[str]:
    """What was found to be broken after a start; the service is then killed at some moment."""
    old = str(store.current())
    workers = moments.choice(("1", "2"))
    with service(store.root, "--workers", workers, environment=_ENVIRONMENT) as (address, process):
        broken = unsound(store, address, old)
        asking = threading.Thread(target=ask_for_runs, args=(address, moments, accepted))
        asking.start()
        if moments.random() < _SHARE_WHILE_TRAINING:
            until(lambda: any(run.status is Status.RUNNING for run in store.pending()))
            time.sleep(moments.uniform(0, _SECONDS_TRAINING))
        else:
            time.sleep(moments.uniform(0, _SECONDS_ALIVE))
        kill(process)
        asking.join()
    return broken


def unsound(store: Store, address: str, old: str) -> set[str]:
    answers = [httpx.post(f"{address}/predict", json=FLOWER) for _ in range(20)]
    versions = {answer.json().get("model_version") for answer in answers}
    claims = {
        "a prediction fails": {answer.status_code for answer in answers} == {200},
        "the version is neither the old nor a newer one": all(str(version) >= old for version in versions),
        "the version is not stored": versions <= set(store.versions()),
        "a stored model does not load": all(loads(store, version) for version in store.versions()[:20]),
    }
    return {fault for fault, holds in claims.items() if not holds}


def loads(store: Store, version: str) -> bool:
    try:
        return bool(store.model(version))
    except ModelError:
        return False


def kill_services(store: Store, count: int, moments: random.Random) -> dict[str, bool]:
    accepted: list[str] = []
    broken: set[str] = set()
    for _ in range(count):
        broken |= kill_service(store, moments, accepted)
    left = temporary_files(store.root)
    with service(store.root, environment=_ENVIRONMENT) as (address, _):
        broken |= unsound(store, address, str(store.current()))
        swept = temporary_files(store.root)
        all_end = until(lambda: not store.pending(), timeout_seconds=60)
    ends = Counter(store.run(run_id).status for run_id in accepted)
    models = store.versions()
    print(f"{count} kills of the service: {len(accepted)} runs accepted, {_counted(ends)}; {len(models)} models")
    print(f"  temporary files {len(left)} before the last start, {len(swept)} after it; broken: {broken or 'nothing'}")
    return {
        "after every start a sound model serves, the old one or a newer one": not broken,
        "every stored model loads": all(loads(store, version) for version in models),
        "no temporary file is left": not swept,
        "some kills hit a run": ends[Status.FAILED] > 0,
        "every run reaches an end": all_end and not set(ends) & {Status.QUEUED, Status.RUNNING},
    }


def temporary_files(root: Path) -> list[Path]:
    return list(root.rglob("*.tmp"))


def _counted(counter: Counter[Any]) -> str:
    return ", ".join(f"{count} {key}" for key, count in sorted(counter.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", type=int, default=200)
    parser.add_argument("--service", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with temporary_store() as store:
        promises = kill_children(store, options.child, moments) if options.child else {}
        promises |= kill_services(store, options.service, moments) if options.service else {}
    insist(promises)


if __name__ == "__main__":
    main()
