"""The service among disks that refuse and models that lie: what served goes on serving."""

import errno
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from model.artifact import digest
from model.run import Status
from tests.services import Service, started, until

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@contextmanager
def injected(fault: str, processes: list[psutil.Process]) -> Iterator[None]:
    """A fault in the system calls of processes, and of those that they start, for as long as this lasts."""
    pids = [argument for process in processes for argument in ("-p", str(process.pid))]
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={fault.partition(':')[0]}"]
    with subprocess.Popen([*command, "-e", f"inject={fault}", *pids]) as strace:
        try:
            yield
        finally:
            strace.terminate()  # it lets go of them, and they go on without the fault


def told(service: Service, run: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{service.address}/train/{run['id']}").raise_for_status().json()
    return answer


def at_work(service: Service) -> dict[str, Any]:
    """A run that has trained for some epochs."""
    run = service.train(wait=0, epochs=10_000, hidden_layers=[64, 64])
    until(lambda: service.store.run(run["id"]).progress.epoch > 0)
    return run


def training(service: Service) -> list[psutil.Process]:
    """The process that trains: a child of the fork server, so a grandchild of the worker."""
    worker = service.process.pid
    return [process for process in service.processes() if process.ppid() not in {worker, os.getpid()}]


def stop_the_child_and_kill_its_worker(service: Service) -> psutil.Process:
    """What trains, stopped and then left alone."""
    until(lambda: len(children(service)) == 1)  # another worker's child leaves when it finds the run taken
    ((worker, child),) = children(service)
    child.suspend()
    worker.kill()
    return child


def children(service: Service) -> list[tuple[psutil.Process, psutil.Process]]:
    """Workers and their children: those of their fork servers."""
    lines = [[process, *process.parents()] for process in service.processes()]
    return [(worker, child) for child, server, worker, *_ in lines if "forkserver" in str(server.cmdline())]


def lives(process: psutil.Process) -> bool:
    """Whether a process has not ended; nobody may be there to bury it."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_stopped_child_does_not_outlive_its_worker_and_another_worker_closes_its_run(artifacts: Path) -> None:
    with started(artifacts, "--workers", "2") as service:
        run = at_work(service)
        child = stop_the_child_and_kill_its_worker(service)
        until(lambda: service.store.run(run["id"]).ended, timeout_seconds=2)

        assert not lives(child)
        assert "The process that trained it ended unexpectedly." == told(service, run)["reason"]
        assert "succeeded" == service.train(epochs=1)["status"]


def test_a_stopped_child_does_not_outlive_its_service_and_the_next_start_closes_its_run(artifacts: Path) -> None:
    with started(artifacts) as service:
        run = at_work(service)
        child = stop_the_child_and_kill_its_worker(service)
        service.process.wait()
        until(lambda: not lives(child), timeout_seconds=2)
    with started(artifacts) as service:
        assert "failed" == told(service, run)["status"]
        assert "succeeded" == service.train(epochs=1)["status"]
        assert [] == list(artifacts.rglob("*.tmp"))


@needs_strace
@pytest.mark.parametrize(
    ("call", "error"),
    [("fsync", errno.ENOSPC), ("fsync", errno.EIO), ("rename", errno.EROFS), ("flock", errno.EROFS)],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else value,
)
def test_while_the_disk_refuses_all_a_run_is_told_as_failed_and_recorded_when_it_recovers(
    call: str, error: int, artifacts: Path
) -> None:
    with started(artifacts) as service:
        before = service.predict()["model_version"]
        run = at_work(service)
        with injected(f"{call}:error={errno.errorcode[error]}", service.processes()):
            until(lambda: told(service, run)["status"] == "failed", timeout_seconds=2)
            reason = told(service, run)["reason"]
            assert f"The store cannot be written: {os.strerror(error)}." == reason
            assert Status.RUNNING is service.store.run(run["id"]).status
            assert before == service.predict()["model_version"]
        until(lambda: service.store.run(run["id"]).ended, timeout_seconds=2)

        assert reason == service.store.run(run["id"]).reason
        assert "succeeded" == service.train(epochs=1)["status"]
        assert [] == list(artifacts.rglob("*.tmp"))


@needs_strace
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_when_the_disk_refuses_once_the_run_fails_with_the_reason_and_the_next_one_works(
    call: str, artifacts: Path
) -> None:
    with started(artifacts) as service:
        before = service.predict()["model_version"]
        run = at_work(service)
        with injected(f"{call}:error=ENOSPC:when=1", training(service)):
            until(lambda: service.store.run(run["id"]).ended, timeout_seconds=2)

        assert ("failed", "The store cannot be written: No space left on device.") == (
            told(service, run)["status"],
            told(service, run)["reason"],
        )
        assert before == service.predict()["model_version"]
        assert "succeeded" == service.train(epochs=1)["status"]


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "a header beyond the file": lambda sound: (2**62).to_bytes(8, "little") + sound[8:],
    "weights that are not numbers": lambda sound: sound[:-8] + b"\xff" * 8,
}


@pytest.mark.parametrize("forge", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_artifact_dropped_in_as_current_is_refused_by_every_worker_and_counted(
    forge: Callable[[bytes], bytes], artifacts: Path
) -> None:
    """It even bears the name that its bytes deserve."""
    with started(artifacts, "--workers", "2") as service:
        before = service.predict()["model_version"]
        models = artifacts / "models"
        data = forge((models / f"{before}.safetensors").read_bytes())
        hostile = f"20991231T235959000000Z-{digest(data)}"
        (models / f"{hostile}.safetensors").write_bytes(data)
        service.store.promote(hostile)

        until(lambda: refusals(service) == 2, timeout_seconds=5)
        assert hostile == service.store.current()
        assert {before} == {service.predict()["model_version"] for _ in range(40)}
        time.sleep(1.2)  # each worker looks twice more
        assert 2 == refusals(service)
        service.store.promote(before)
        assert "succeeded" == service.train(epochs=1, promote="always")["status"]
        until(lambda: service.predict()["model_version"] == service.store.current(), timeout_seconds=2)


def refusals(service: Service) -> float:
    """What all workers have counted."""
    lines = httpx.get(f"{service.address}/metrics").text.splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith("iris_model_load_failures_total"))
