"""A disk that refuses, at each file operation that a training run makes in the store, with each of some errors.

    python -m tests.chaos.faults [--errors ENOSPC EIO EROFS]

strace lets the system call fail from outside, once. The run must fail with the reason, the old model
must serve (or the new one, if the call was made after the pointer was moved), nothing half-written
may stay after the next start, and the next run must work.
"""

import argparse
import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model.errors import ModelError
from model.run import Status
from model.store import Store
from tests.bench.promises import insist
from tests.bench.stores import add_model

CALLS = ("openat", "write", "mkdir", "fsync", "rename", "unlink", "flock")
SCRIPT = (sys.executable, "-m", "model.train", "--epochs", "1", "--seed", "0", "--artifacts")
_LINE = re.compile(r"(?P<process>\d+) +(?P<call>\w+)\((?P<rest>.*)")
_CHANGES = re.compile(r"O_CREAT|O_WRONLY|O_RDWR")


@dataclass(frozen=True)
class Operation:
    """A system call of a run that changes the store: the how manieth of its kind, and what it is about."""

    call: str
    number: int
    about: str

    def __str__(self) -> str:
        return f"{self.call} {self.about}"


@dataclass(frozen=True)
class Outcome:
    """What a run came to into which a fault was injected."""

    hit: bool
    status: int
    said: str


def train(root: Path, call: str, inject: str = "") -> tuple["subprocess.CompletedProcess[str]", list[str]]:
    """The training script below strace, which may inject something, and the calls of that kind that it made."""
    log = root.with_name("strace.log")
    strace = ["strace", "-f", "-qq", "-y", "-o", str(log), "-e", f"trace={call}"]
    injected = ["-e", f"inject={call}:{inject}"] if inject else []
    ended = subprocess.run([*strace, *injected, *SCRIPT, str(root)], capture_output=True, text=True, check=False)
    return ended, log.read_text().splitlines()


def operations(root: Path) -> list[Operation]:
    """Every operation on the store of a run on a copy of it."""
    return [operation for call in CALLS for operation in _operations(copied(root), call)]


def _operations(root: Path, call: str) -> Iterator[Operation]:
    number: Counter[str] = Counter()  # strace counts by process
    for line in train(root, call)[1]:
        found = _LINE.match(line)
        if not found:
            continue
        number[found["process"]] += 1
        about = re.search(rf"{root}/?([^\">]*)", found["rest"])
        if about and (call != "openat" or _CHANGES.search(found["rest"])):
            yield Operation(call, number[found["process"]], re.sub(r"[0-9a-fTZ-]{16,}", "*", about[1]) or ".")


def refuse(root: Path, operation: Operation, error: int) -> Outcome:
    """Train in the store and let the operation fail."""
    inject = f"error={errno.errorcode[error]}:when={operation.number}"
    ended, lines = train(root, operation.call, inject)
    hit = any("(INJECTED)" in line and str(root) in line for line in lines)
    return Outcome(hit, ended.returncode, ended.stderr)


def copied(root: Path) -> Path:
    """A copy of a store, in the place of the last one."""
    copy = root.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    return shutil.copytree(root, copy)


def promises(store: Store, old: str, outcome: Outcome, error: int) -> dict[str, bool]:
    """What a run kept that had begun with an old model; the store is left as the next start makes it."""
    store.sweep()
    with store.training(timeout_seconds=0):
        pass
    new = str(store.current())
    run = next(iter(store.runs(1)), None)  # there is none if the disk refused before the first record
    told = outcome.said + str(run.reason if run else "")
    return {
        "the fault hits the store": outcome.hit,
        "no traceback": "Traceback" not in outcome.said,
        "every run ends": not store.pending(),
        "nothing half-written": not list(store.root.rglob("*.tmp")) + list(store.root.rglob("*.cancel")),
        "every model loads": all(loads(store, version) for version in store.versions()),
        "the old model serves, or the new one": new == old or store.succession()[1].version == old,
        "a run that ends well is recorded so": outcome.status != 0
        or (new != old and run is not None and run.status is Status.SUCCEEDED),
        "one that fails is recorded so": not run or new != old or run.status is Status.FAILED,
        "with the reason": new != old or os.strerror(error) in told,
        "and said so": new != old or outcome.status == 1,
    }


def loads(store: Store, version: str) -> bool:
    try:
        return bool(store.model(version))
    except ModelError:
        return False


def next_run_works(root: Path) -> bool:
    return subprocess.run([*SCRIPT, str(root)], capture_output=True, check=False).returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--errors", nargs="+", default=["ENOSPC", "EIO", "EROFS"])
    options = parser.parse_args()
    kept: dict[str, bool] = {}
    served: Counter[bool] = Counter()
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory) / "artifacts")
        store.promote(add_model(store))
        old = str(store.current())
        steps = operations(store.root)
        for operation in steps:
            for name in options.errors:
                copy = Store(copied(store.root))
                outcome = refuse(copy.root, operation, getattr(errno, name))
                held = promises(copy, old, outcome, getattr(errno, name))
                served[copy.current() == old] += 1
                held["the next run works"] = next_run_works(copy.root)
                for promise, holds in held.items():
                    kept[promise] = kept.get(promise, True) and holds
                    if not holds:
                        print(f"{name} at {operation}: not so: {promise}")
    print(f"{len(steps)} operations, {dict(Counter(step.call for step in steps))}, by {', '.join(options.errors)}")
    print(f"{served.total()} runs: the old model serves after {served[True]}, the new one after {served[False]}")
    insist(kept)


if __name__ == "__main__":
    main()
