"""What 200 retrains leave behind in the worker: memory, file descriptors, processes.

    python -m tests.chaos.retrains [--runs 200] [--warm-up 20]

Memory is PSS, the share of shared pages counted in. Other Pythons that come and go on the machine
move that share, so that it may hide a growth or feign one; the anonymous pages they do not move.
Neither may grow.
"""

import argparse
import re
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from tests.bench.promises import insist
from tests.bench.servers import service, training_children, until
from tests.bench.stores import temporary_store

_MAX_GROWTH_MEBIBYTES = 2.0


@dataclass(frozen=True)
class Footprint:
    """What a worker holds when no child is alive."""

    pss_mebibytes: float
    anonymous_mebibytes: float
    descriptors: int
    processes: int


def footprint(worker: psutil.Process) -> Footprint:
    until(lambda: not training_children(worker))
    time.sleep(1.0)  # what the last answers held is let go
    rollup = Path(f"/proc/{worker.pid}/smaps_rollup").read_text()
    pss, anonymous = (int(re.findall(rf"^{name}:\s+(\d+)", rollup, re.MULTILINE)[0]) for name in ("Pss", "Pss_Anon"))
    return Footprint(pss / 2**10, anonymous / 2**10, worker.num_fds(), len(worker.children(recursive=True)))


def retrain(client: httpx.Client, count: int) -> int:
    """How many of so many runs succeeded."""
    recipe = {"promote": "always"}
    runs = (client.post("/train?wait=30", json=recipe).raise_for_status().json() for _ in range(count))
    return sum(run["status"] == "succeeded" for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--warm-up", type=int, default=20)
    options = parser.parse_args()
    with (
        temporary_store() as store,
        service(store.root) as (address, process),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        worker = psutil.Process(process.pid)
        retrain(client, options.warm_up)
        before = footprint(worker)
        succeeded = retrain(client, options.runs)
        after = footprint(worker)
    print(f"after {options.warm_up} runs: {before}")
    print(f"after {options.runs} more: {after}")
    growth = after.pss_mebibytes - before.pss_mebibytes
    anonymous = after.anonymous_mebibytes - before.anonymous_mebibytes
    print(f"growth: {growth:+.2f} MiB PSS, {anonymous:+.2f} MiB anonymous")
    insist(
        {
            "every run succeeds": succeeded == options.runs,
            f"memory grows by less than {_MAX_GROWTH_MEBIBYTES:g} MiB": max(growth, anonymous) < _MAX_GROWTH_MEBIBYTES,
            "file descriptors by 0": after.descriptors <= before.descriptors,
            "processes by 0": after.processes <= before.processes,
        }
    )


if __name__ == "__main__":
    main()
