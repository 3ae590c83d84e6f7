"""The service in processes of its own, for tests that need it as its users start it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from model.store import Store

FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def until(condition: Callable[[], object], timeout_seconds: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


class Service:
    """A service in processes of its own."""

    def __init__(self, artifacts: Path, command: list[str], port: int, environment: dict[str, str]) -> None:
        self.store = Store(artifacts)
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        environment = os.environ | {"IRIS_ARTIFACTS": str(artifacts)} | environment
        self.log = artifacts.with_name("service.log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with suppress(httpx.TransportError):
            return httpx.post(f"{self.address}/predict", json=FLOWER).status_code == 200
        return False

    def predict(self) -> dict[str, Any]:
        """A prediction over a connection of its own, so by any worker."""
        answer: dict[str, Any] = httpx.post(f"{self.address}/predict", json=FLOWER).raise_for_status().json()
        return answer

    def train(self, wait: float = 30, **recipe: Any) -> dict[str, Any]:
        """A run, asked for with whatever recipe."""
        response = httpx.post(f"{self.address}/train?wait={wait}", json=recipe, timeout=60)
        run: dict[str, Any] = response.raise_for_status().json()
        return run

    def processes(self) -> list[psutil.Process]:
        """Every process of the service, the first being the one that was started."""
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def kill(self) -> None:
        """End everything at once, as a power cut would."""
        doomed = self.processes()
        for process in doomed:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        psutil.wait_procs(doomed, timeout=10)


@contextmanager
def started(
    artifacts: Path,
    *arguments: str,
    command: tuple[str, ...] = ("-m", "app"),
    environment: dict[str, str] | None = None,
) -> Iterator[Service]:
    port = free_port()
    service = Service(artifacts, [sys.executable, *command, "--port", str(port), *arguments], port, environment or {})
    try:
        until(service.answers)
        yield service
    finally:
        if service.process.poll() is None:
            service.kill()
