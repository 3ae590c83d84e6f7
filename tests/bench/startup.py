"""How soon a worker answers, and how large it is before any training (PSS: its share of shared pages counted in).

python -m tests.bench.startup
"""

import statistics
import tempfile
import time
from pathlib import Path

import psutil

from model.dataset import read_csv
from model.hyperparameters import Hyperparameters
from model.pipeline import train
from model.store import Store
from tests.bench.servers import service

_ROUNDS = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory) / "artifacts")
        store.promote(store.add_model(train(read_csv(Path("data/Iris.csv")), Hyperparameters())[0]))
        seconds, megabytes = [], []
        for _ in range(_ROUNDS):
            began = time.monotonic()
            with service(store.root) as (_, process):
                seconds.append(time.monotonic() - began)
                megabytes.append(psutil.Process(process.pid).memory_full_info().pss / 2**20)
    print(f"first answer after {statistics.median(seconds):.2f} s (slowest {max(seconds):.2f} s)")
    print(f"memory of the worker {statistics.median(megabytes):.1f} MiB PSS (most {max(megabytes):.1f} MiB)")


if __name__ == "__main__":
    main()
