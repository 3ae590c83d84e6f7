"""Many clients that ask two workers for training runs at once: one trains at a time, and every run ends.

    python -m tests.chaos.clients [--clients 32] [--runs 20]

429 is an answer: it is asked again after `Retry-After`.
"""

import argparse
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx

from model.run import Run, Status
from model.store import Store
from tests.bench.promises import insist
from tests.bench.servers import service, until
from tests.bench.stores import temporary_store

_ENVIRONMENT = {"IRIS_KEEP_MODELS": "100000"}
_SECONDS_IN_ALL = 1200.0


def ask_for_runs(address: str, count: int, seed: int, deadline: float) -> tuple[list[str], Counter[int]]:
    """Ids of the runs that were accepted, and the statuses of all answers."""
    choices = random.Random(seed)
    ids: list[str] = []
    statuses: Counter[int] = Counter()
    with httpx.Client(base_url=address, timeout=60) as client:
        while len(ids) < count and time.monotonic() < deadline:
            recipe = {"epochs": choices.randint(1, 5), "promote": choices.choice(("if_good", "never", "always"))}
            response = client.post("/train?wait=0", json=recipe)
            statuses[response.status_code] += 1
            if response.is_success:
                ids.append(response.json()["id"])
            else:
                time.sleep(float(response.headers.get("Retry-After", 1)) * choices.uniform(1.0, 1.2))
    return ids, statuses


def overlaps(runs: list[Run]) -> int:
    """How many runs began before the one before them had ended."""
    times = sorted((run.started_at, run.finished_at) for run in runs if run.started_at and run.finished_at)
    return sum(later[0] < earlier[1] for earlier, later in pairwise(times))


def besiege(store: Store, clients: int, runs: int) -> tuple[list[str], Counter[int]]:
    """What `ask_for_runs` tells of all clients together, once the queue is empty."""
    deadline = time.monotonic() + _SECONDS_IN_ALL
    with (
        service(store.root, "--workers", "2", environment=_ENVIRONMENT) as (address, _),
        ThreadPoolExecutor(clients) as pool,
    ):
        asked = list(pool.map(lambda seed: ask_for_runs(address, runs, seed, deadline), range(clients)))
        until(lambda: not store.pending(), timeout_seconds=60)
    ids = [run_id for accepted, _ in asked for run_id in accepted]
    return ids, sum((statuses for _, statuses in asked), Counter())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--runs", type=int, default=20, help="that each client asks for")
    options = parser.parse_args()
    with temporary_store() as store:
        began = time.monotonic()
        ids, statuses = besiege(store, options.clients, options.runs)
        seconds = time.monotonic() - began
        runs = [store.run(run_id) for run_id in ids]
    ends = Counter(run.status for run in runs)
    print(f"{len(ids)} runs accepted from {options.clients} clients in {seconds:.0f} s: {dict(ends)}")
    print(f"answers by status {dict(statuses)}; runs that overlap: {overlaps(runs)}")
    insist(
        {
            "all runs were accepted in the end": len(ids) == options.clients * options.runs,
            "no answer but 201, 202 and 429": set(statuses) <= {201, 202, 429},
            "never two trainings at once": overlaps(runs) == 0,
            "every run succeeds": set(ends) == {Status.SUCCEEDED},
        }
    )


if __name__ == "__main__":
    main()
