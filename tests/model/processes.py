"""Processes that the tests start, and ways to wait for what they do."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def python(script: str, *arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
    """A Python that runs the script; killed at the end if it has not ended by itself."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    # Not measured: what is killed, and what that leaves behind, would leave half a coverage file.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def answer(*arguments: str, cwd: Path = ROOT, **environment: str) -> bytes:
    """What a Python tells that is called with these arguments."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=True, cwd=cwd, env=os.environ | environment, stdout=subprocess.PIPE).stdout


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def eventually(holds: Callable[[], bool], timeout_seconds: float = 20) -> bool:
    """Whether it holds before the time is up."""
    end = time.monotonic() + timeout_seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return False


@contextmanager
def no_file_longer_than(limit_bytes: int) -> Iterator[None]:
    """A disk that refuses: the system lets this process write no file beyond the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
