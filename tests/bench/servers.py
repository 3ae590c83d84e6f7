"""Starting the servers that the other scripts measure."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def service(artifacts: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`python -m app` on a free port: its address and its process, once it answers."""
    port = free_port()
    command = [sys.executable, "-m", "app", "--port", str(port), *arguments]
    with serving(command, port, {"IRIS_ARTIFACTS": str(artifacts)}) as process:
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
