"""How fast ours learns, against scikit-learn and PyTorch doing the same, and how soon a request has its model.

    python -m tests.bench.training [tutorial] [mini-batches] [request] [--rounds 5] [--rows 200000] [--epochs 3]

All three parts if none is named. Each round measures everybody in turns, in one run: the ratios mean
something, the seconds do not. Ours scores the validation rows after every epoch too, the others do
not: what that costs is told beside it.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import numpy as np

from model.dataset import Dataset, Split, read_csv
from model.network import Array, Network, initial_layers
from model.pipeline import deal
from model.training import fit
from tests.bench.promises import insist
from tests.bench.rivals import TUTORIAL, has_pytorch, pytorch, scikit_learn, seconds
from tests.bench.servers import service
from tests.bench.stores import IRIS, temporary_store

_MIN_RATIOS = {"scikit-learn": 300.0, "PyTorch": 400.0}
_MAX_REQUEST_SECONDS = 0.060
_FITS_A_ROUND = 20
_REQUESTS = 50
_TOLERANCE = 1e-6


def median_ratio(others: list[float], ours: list[float]) -> float:
    """How many times faster than the other ours is: the median over the rounds."""
    return float(np.median(np.array(others) / np.array(ours)))


def tutorial(options: argparse.Namespace) -> dict[str, bool]:
    """The tutorial's run: 4-5-10-3, 100 epochs of the 114 training rows, a step for each.

    The product scores its 13 validation rows in each epoch, which counts here.
    """
    split = deal(read_csv(IRIS))
    one = replace(split, validation=split.validation.take(np.arange(1)))
    fit(split, TUTORIAL)  # warm
    others: dict[str, Callable[[], object]] = {
        "scikit-learn": partial(scikit_learn, split.training.X, split.training, TUTORIAL)
    }
    if has_pytorch():
        print(f"weights of PyTorch differ from ours by {check_pytorch(split):.1e} at most: it does the same")
        others["PyTorch"] = partial(learn_by_pytorch, split.training)
    else:
        print("PyTorch is not installed: no ratio to it")
    promises: dict[str, bool] = {}
    for name, learn in others.items():
        rounds = [round_of(learn, split, one) for _ in range(options.rounds)]
        promises |= report_tutorial(name, *map(list, zip(*rounds, strict=True)))
    return promises


def round_of(learn: Callable[[], object], split: Split, one: Split) -> tuple[float, float, float]:
    """Seconds of another, of ours, and of ours with but one validation row; ours are half before, half after."""
    halves = [(time_fits(split), time_fits(one))]
    other = seconds(learn)
    halves.append((time_fits(split), time_fits(one)))
    return (other, *np.mean(halves, axis=0).tolist())


def time_fits(split: Split) -> float:
    return statistics.median(seconds(lambda: fit(split, TUTORIAL)) for _ in range(_FITS_A_ROUND))


def report_tutorial(name: str, others: list[float], ours: list[float], one: list[float]) -> dict[str, bool]:
    least, ratio = _MIN_RATIOS[name], median_ratio(others, ours)
    print(
        f"tutorial's run: {name} {statistics.median(others):.2f} s, ours {statistics.median(ours) * 1e3:.2f} ms; ",
        end="",
    )
    print(f"ours is {ratio:.0f} times faster, and {median_ratio(others, one):.0f} times if it scores only one ", end="")
    print("validation row")
    return {f"ours does the tutorial's run {least:g} times faster than {name}": ratio >= least}


def begun() -> Network:
    """The network that the tutorial's run begins with."""
    sizes = (4, *TUTORIAL.hidden_layers, 3)
    layers = initial_layers(sizes, TUTORIAL.initial_weights, np.random.default_rng(TUTORIAL.seed))
    return Network(np.zeros(4), np.ones(4), *layers)


def learn_by_pytorch(training: Dataset, epochs: int = TUTORIAL.epochs) -> list[Array]:
    return pytorch(training.X, training.targets, begun(), epochs, TUTORIAL.learning_rate)


def check_pytorch(split: Split) -> float:
    """The largest difference of a weight after some epochs."""
    ours = fit(split, replace(TUTORIAL, epochs=5)).network.weights
    theirs = learn_by_pytorch(split.training, epochs=5)
    difference = max(float(np.abs(W - V).max()) for W, V in zip(ours, theirs, strict=True))
    if difference > _TOLERANCE:
        raise RuntimeError(f"PyTorch learns something else: weights differ by {difference}")
    return difference


def mini_batches(options: argparse.Namespace) -> dict[str, bool]:
    """4-64-64-3, batches of 256, Adam: ours on its one thread against scikit-learn on one and on all."""
    promises = {}
    for threads, words in (("1", "one thread"), (str(os.cpu_count()), f"all {os.cpu_count()} threads")):
        times = [
            (fit_in_process("ours", threads, options), fit_in_process("scikit-learn", threads, options))
            for _ in range(options.rounds)
        ]
        ours, theirs = map(list, zip(*times, strict=True))
        ratio = median_ratio(theirs, ours)
        print(f"{options.rows} rows, {options.epochs} epochs of mini-batches, {words}: ours ", end="")
        print(f"{statistics.median(ours):.2f} s, scikit-learn {statistics.median(theirs):.2f} s, ratio {ratio:.2f}")
        promises[f"mini-batches are learned faster than scikit-learn does on {words}"] = ratio > 1
    return promises


def fit_in_process(who: str, threads: str, options: argparse.Namespace) -> float:
    command = [sys.executable, "-m", "tests.bench.rivals", who, str(options.rows), str(options.epochs)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
    return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def request(options: argparse.Namespace) -> dict[str, bool]:
    """`POST /train?wait=30` with the defaults, until the new model has been judged and stored."""
    times, syncs = [], []
    with temporary_store() as store, service(store.root) as (address, _), httpx.Client(base_url=address) as client:
        for seed in range(5 + _REQUESTS):
            times.append(seconds(partial(train, client, seed)))
            syncs.append(seconds(partial(sync, store.root)))
    took, sync_took = statistics.median(times[5:]), statistics.median(syncs[5:])
    print(f"POST /train?wait=30, the median of {_REQUESTS}: {took * 1e3:.1f} ms; ", end="")
    print(f"slowest {max(times[5:]) * 1e3:.1f} ms; writing and syncing one small file {sync_took * 1e3:.2f} ms")
    return {f"a request to train is answered within {_MAX_REQUEST_SECONDS * 1e3:g} ms": took < _MAX_REQUEST_SECONDS}


def train(client: httpx.Client, seed: int) -> None:
    run = client.post("/train?wait=30", json={"seed": seed}).raise_for_status().json()
    if run["status"] != "succeeded":
        raise RuntimeError(f"the run {run['status']}: {run['reason']}")


def sync(directory: Path) -> None:
    """What the store does about ten times in a run."""
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        file.write(bytes(4096))
        file.flush()
        os.fsync(file.fileno())


_PARTS = {"tutorial": tutorial, "mini-batches": mini_batches, "request": request}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(_PARTS)}; all if none is named")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=200_000, help="of the table for mini-batches")
    parser.add_argument("--epochs", type=int, default=3, help="over that table")
    options = parser.parse_args()
    promises: dict[str, bool] = {}
    for name in options.parts or _PARTS:
        promises |= _PARTS[name](options)
    insist(promises)


if __name__ == "__main__":
    main()
