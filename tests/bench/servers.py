"""Starting the servers that the other scripts measure."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from tests.services import FLOWER, free_port


@contextmanager
def service(
    artifacts: Path, *arguments: str, environment: dict[str, str] | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`python -m app` on a free port: its address and its process, once it answers."""
    port = free_port()
    command = [sys.executable, "-m", "app", "--port", str(port), *arguments]
    with serving(command, port, {"IRIS_ARTIFACTS": str(artifacts)} | (environment or {})) as process:
        yield f"http://127.0.0.1:{port}", process


@contextmanager
def serving(command: list[str], port: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for_answer(f"http://127.0.0.1:{port}")
            yield process
        finally:
            process.terminate()


def wait_for_answer(address: str, timeout_seconds: float = 30.0) -> None:
    """Until a prediction is answered 200."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if httpx.post(f"{address}/predict", json=FLOWER).status_code == 200:
                return
        time.sleep(0.005)
    raise TimeoutError(f"{address} does not answer")


def until(condition: Callable[[], object], timeout_seconds: float = 30.0) -> bool:
    """Wait until it is true; whether it came true in time."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.005)
    return False


def training_children(worker: psutil.Process) -> list[psutil.Process]:
    """The processes that train for a worker: children of its fork server, so grandchildren of its own."""
    with suppress(psutil.NoSuchProcess):
        return [process for process in worker.children(recursive=True) if process.ppid() != worker.pid]
    return []


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a service with everything that it started, at once, as a power cut would."""
    first = psutil.Process(process.pid)
    doomed = [first, *first.children(recursive=True)]
    for each in doomed:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()
    psutil.wait_procs(doomed, timeout=10)
