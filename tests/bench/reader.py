"""Reads one model of a store, and tells in JSON how that went: `python -m tests.bench.reader <root> <sound> <version>`.

A process of its own, so that the memory it takes is that of one reading: the peak is counted from
when a sound model has been read. Not by ru_maxrss, which a child inherits from its parent.
"""

import json
import re
import sys
import time
from pathlib import Path

from model.errors import ModelError
from model.store import Store


def peak_mebibytes() -> float:
    return int(re.findall(r"^VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)[0]) / 2**10


def outcome(store: Store, version: str) -> str:
    """`accepted`, or the error with its message."""
    try:
        store.model(version)
    except ModelError as error:
        return f"{type(error).__name__}: {error}"
    return "accepted"


def main() -> None:
    root, sound, version = sys.argv[1:]
    store = Store(Path(root))
    store.model(sound)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = peak_mebibytes()
    began = time.perf_counter()
    told = outcome(store, version)
    seconds = time.perf_counter() - began
    print(json.dumps({"outcome": told, "seconds": seconds, "mebibytes": peak_mebibytes() - before}))


if __name__ == "__main__":
    main()
