"""A large table through the service: memory of the training child, how steadily progress flows, how soon it cancels.

    python -m tests.bench.large [--rows 250000 1000000] [--epochs 10]

The memory is the most that the child had resident at any time (VmHWM), for the built-in table and
for each of the others in one run: slopes mean something, the seconds do not.
"""

import argparse
import json
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil

from tests.bench.promises import insist
from tests.bench.servers import service, training_children
from tests.bench.stores import IRIS, temporary_store
from tests.bench.tables import flowers, write_csv

_BYTES_PER_ROW = 4 * 8  # of the measurements, as float64
_MAX_BYTES_PER_ROW = 20 * _BYTES_PER_ROW
_MAX_BEND = 1.25
_MAX_GAP_SECONDS = 3.0
_MAX_CANCEL_SECONDS = 1.0
_SECONDS_BETWEEN_LOOKS = 0.02
_EPOCHS_TO_CANCEL = 10_000
_ROWS_TO_CANCEL = 10_000


class Following(NamedTuple):
    """One run: the most memory of its child, and when it was heard of, in seconds since it was asked for."""

    rows: int
    peak_bytes: int
    progress: list[float]
    finished: float

    def largest_gap(self) -> float:
        """Between two events of progress, or the last of them and the end."""
        times = [*self.progress, self.finished]
        return max(after - before for before, after in pairwise(times))


class Watch:
    """The most memory that any child of a service has while it trains."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._worker = psutil.Process(pid)
        self._ended = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_SECONDS_BETWEEN_LOOKS):
            for child in training_children(self._worker):
                with suppress(OSError, IndexError):  # it has ended
                    status = Path(f"/proc/{child.pid}/status").read_text()
                    kibibytes = int(re.findall(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)[0])
                    self.peak_bytes = max(self.peak_bytes, kibibytes * 1024)


def begin(client: httpx.Client, epochs: int) -> str:
    """Ask for a run; its id."""
    run = client.post("/train?wait=0", json={"epochs": epochs, "seed": 0}).raise_for_status().json()
    return str(run["id"])


def events(client: httpx.Client, run_id: str) -> Iterator[tuple[str, Any]]:
    """Name and data of each event as it comes."""
    with client.stream("GET", f"/train/{run_id}/events") as answer:
        name = ""
        for line in answer.iter_lines():
            key, _, value = line.partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                yield name, json.loads(value)


def follow(rows: int, table: Path, epochs: int) -> tuple[Following, dict[str, float]]:
    """One run on the table, and how long it takes to cancel another while it reads and while it trains.

    Of a small table nothing is cancelled: its runs are too short.
    """
    with (
        temporary_store() as store,
        service(store.root, environment={"IRIS_DATA": str(table)}) as (address, process),
        httpx.Client(base_url=address, timeout=120) as client,
    ):
        watch = Watch(process.pid)
        with watch.watching():
            began = time.monotonic()
            times: dict[str, list[float]] = {"progress": [], "finished": []}
            for name, data in events(client, begin(client, epochs)):
                times[name].append(time.monotonic() - began)
                if name == "finished" and data["status"] != "succeeded":
                    raise RuntimeError(f"{rows} rows: the run {data['status']}: {data['reason']}")
        following = Following(rows, watch.peak_bytes, times["progress"], times["finished"][0])
        if rows < _ROWS_TO_CANCEL:
            return following, {}
        first = following.progress[0] if following.progress else following.finished
        return following, {
            "while it reads the table": cancel(client, first / 2),
            "while it trains": cancel(client, None),
        }


def cancel(client: httpx.Client, after_seconds: float | None) -> float:
    """Seconds until a run that is cancelled so long after its beginning has ended; after its first epochs if None."""
    run_id = begin(client, _EPOCHS_TO_CANCEL)
    if after_seconds is None:
        next(name for name, _ in events(client, run_id) if name == "progress")
    else:
        time.sleep(after_seconds)
    began = time.monotonic()
    run = client.delete(f"/train/{run_id}").raise_for_status().json()
    if run["status"] != "cancelled":
        raise RuntimeError(f"the run {run['status']} instead of being cancelled")
    return time.monotonic() - began


def report(found: Following, base_bytes: int) -> None:
    table = found.rows * _BYTES_PER_ROW
    print(
        f"{found.rows:9,} rows, {table / 2**20:5.1f} MiB as float64: peak {found.peak_bytes / 2**20:6.0f} MiB, ", end=""
    )
    print(f"{(found.peak_bytes - base_bytes) / table:.1f} times the table above the base; ", end="")
    print(f"first progress after {found.progress[0]:.2f} s, largest gap {found.largest_gap():.2f} s, ", end="")
    print(f"all of it {found.finished:.2f} s")


def slopes(found: Sequence[Following]) -> list[float]:
    """Bytes per row from each size to the next."""
    return [(large.peak_bytes - small.peak_bytes) / (large.rows - small.rows) for small, large in pairwise(found)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[250_000, 1_000_000])
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    base, _ = follow(150, IRIS.resolve(), 1000)
    print(f"base, the built-in table: peak {base.peak_bytes / 2**20:.0f} MiB")
    found, cancelled = [base], list[float]()
    with tempfile.TemporaryDirectory() as directory:
        for rows in sorted(options.rows):
            table = Path(directory) / f"flowers-{rows}.csv"
            write_csv(flowers(rows), table)
            following, cancels = follow(rows, table, options.epochs)
            report(following, base.peak_bytes)
            print(f"{'':9}cancelled " + ", ".join(f"{when} within {took:.2f} s" for when, took in cancels.items()))
            found.append(following)
            cancelled += cancels.values()
    by_row = slopes(found)
    print(f"bytes per row: {', then '.join(f'{slope:.0f}' for slope in by_row)}; as float64 {_BYTES_PER_ROW}")
    insist(
        {
            "the memory grows no faster than the table": by_row[-1] <= _MAX_BEND * by_row[0],
            f"by {_MAX_BYTES_PER_ROW} bytes a row at most": max(by_row) <= _MAX_BYTES_PER_ROW,
            f"progress is never silent for {_MAX_GAP_SECONDS:g} s": all(
                each.largest_gap() < _MAX_GAP_SECONDS for each in found
            ),
            f"a run is cancelled within {_MAX_CANCEL_SECONDS:g} s": max(cancelled) < _MAX_CANCEL_SECONDS,
        }
    )


if __name__ == "__main__":
    main()
