"""p99 of /predict at half of the measured capacity while training runs without pause, against the idle p99.

    python -m tests.bench.latency [--rounds 7] [--seconds 4] [--epochs 100]

Measured in alternating rounds of one run: the ratio of the medians means something, the milliseconds do not.
"""

import argparse
import multiprocessing
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized

import httpx
import numpy as np

from tests.bench import load
from tests.bench.load import Answer
from tests.bench.promises import insist
from tests.bench.servers import service, until
from tests.bench.stores import temporary_store
from tests.services import FLOWER

_SHARE_OF_CAPACITY = 0.5
_MAX_RATIO = 1.5


def train_without_pause(address: str, epochs: int, runs: "Synchronized[int]") -> None:
    """Ask for the next run as soon as the last has ended; until killed."""
    with httpx.Client(base_url=address, timeout=60) as client:
        while True:
            run = client.post("/train?wait=30", json={"epochs": epochs}).raise_for_status().json()
            runs.value += run["status"] == "succeeded"


@contextmanager
def training(address: str, epochs: int) -> Iterator["Synchronized[int]"]:
    """How many runs have succeeded so far, of a process of its own that trains without pause."""
    context = multiprocessing.get_context("spawn")
    runs = context.Value("i", 0)
    process = context.Process(target=train_without_pause, args=(address, epochs, runs), daemon=True)
    process.start()
    try:
        until(lambda: runs.value)  # the fork server is up from then on
        yield runs
    finally:
        process.kill()
        process.join()


def measure(
    address: str, requests: list[bytes], rate: float, seconds: float, epochs: int
) -> tuple[list[Answer], list[Answer], int]:
    """Answers while idle and while training, and how many runs ended in the second time."""
    idle = load.run(load.play(address, requests, rate, seconds))
    with training(address, epochs) as runs:
        before = runs.value
        busy = load.run(load.play(address, requests, rate, seconds))
        trained = runs.value - before
    until(lambda: {"running", "queued"}.isdisjoint(run["status"] for run in httpx.get(f"{address}/train").json()))
    return idle, busy, trained


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4.0, help="that a round takes")
    parser.add_argument("--epochs", type=int, default=100, help="of each training run")
    options = parser.parse_args()
    p99s: list[tuple[float, float]] = []
    runs: list[int] = []
    statuses: Counter[int] = Counter()
    with temporary_store() as store, service(store.root) as (address, _):
        requests = [load.post(address, "/predict", FLOWER)]
        capacity = load.capacity(address, requests)
        rate = _SHARE_OF_CAPACITY * capacity
        print(f"capacity {capacity:.0f}/s, asked {rate:.0f}/s")
        for _ in range(options.rounds):
            idle, busy, trained = measure(address, requests, rate, options.seconds, options.epochs)
            p99s.append((load.percentile(idle), load.percentile(busy)))
            runs.append(trained)
            statuses.update(answer.status for answer in idle + busy)
            print(f"p99 idle {p99s[-1][0]:6.2f} ms   during {trained} runs {p99s[-1][1]:6.2f} ms")
    medians = np.median(p99s, axis=0)
    ratio = medians[1] / medians[0]
    print(f"predictions by status {dict(statuses)}")
    print(f"medians of rounds: p99 idle {medians[0]:.2f} ms, while training {medians[1]:.2f} ms, ratio {ratio:.2f}")
    insist(
        {
            "no request fails": set(statuses) == {200},
            "training went on in every round": all(runs),
            f"p99 while training is at most {_MAX_RATIO:g} times the idle one": ratio <= _MAX_RATIO,
        }
    )


if __name__ == "__main__":
    main()
