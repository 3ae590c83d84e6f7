"""The service as its users start it: real processes, real sockets."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from tests.services import FLOWER, Service, started, until


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.mark.parametrize(
    "command",
    [("-m", "app"), ("-m", "uvicorn", "app.main:app"), ("-m", "fastapi", "run")],
    ids=["python -m app", "uvicorn", "fastapi run"],
)
def test_however_it_is_started_it_trains_and_predicts(command: tuple[str, ...], artifacts: Path) -> None:
    with started(artifacts, command=command) as service:
        run = service.train(epochs=1, promote="always")

        assert "succeeded" == run["status"]
        assert run["model_version"] == service.predict()["model_version"]


def test_sigterm_ends_it_in_order_with_everything_it_started(artifacts: Path) -> None:
    with started(artifacts, "--workers", "2") as service:
        service.train(wait=0, epochs=10_000)
        processes = service.processes()
        service.process.terminate()

        assert 0 == service.process.wait(timeout=20)
        _, alive = psutil.wait_procs(processes, timeout=5)
        assert [] == alive


def test_a_wrong_setting_is_said_in_a_line(artifacts: Path) -> None:
    environment = os.environ | {"IRIS_TRAINING_QUEUE_SIZE": "none", "IRIS_ARTIFACTS": str(artifacts)}
    ended = subprocess.run(
        [sys.executable, "-m", "app"], env=environment, capture_output=True, text=True, timeout=20, check=False
    )

    assert 2 == ended.returncode
    assert ended.stderr.startswith("app: error: IRIS_TRAINING_QUEUE_SIZE: ")
    assert 1 == ended.stderr.count("\n")


def test_two_workers_agree(artifacts: Path) -> None:
    """On the model within a second of a run or a rollback, on every run, and on what they have counted."""
    with started(artifacts, "--workers", "2") as service:
        before = service.store.current()
        run = service.train(epochs=1, promote="always")
        time.sleep(1.0)
        versions = {service.predict()["model_version"] for _ in range(60)}
        runs = [httpx.get(f"{service.address}/train/{run['id']}").json() for _ in range(20)]

        assert {run["model_version"]} == versions
        assert all(run == each for each in runs)

        counted = [
            float(line.rpartition(" ")[2])
            for line in httpx.get(f"{service.address}/metrics").text.splitlines()
            if line.startswith('iris_http_requests_total{method="POST",route="/predict",status="200"}')
        ]
        assert [61.0] == counted  # one to see that it answers

        assert 200 == httpx.post(f"{service.address}/models/{before}/promote").status_code
        time.sleep(1.0)
        assert {before} == {service.predict()["model_version"] for _ in range(60)}


def test_runs_asked_of_two_workers_train_one_at_a_time(artifacts: Path) -> None:
    with started(artifacts, "--workers", "2") as service:
        asked = [service.train(wait=0, epochs=50) for _ in range(8)]
        ids = {run["id"] for run in asked}
        until(lambda: not service.store.pending())
        runs = sorted((service.store.run(run_id) for run_id in ids), key=lambda run: str(run.started_at))

        assert {"succeeded"} == {run.status for run in runs}
        for earlier, later in pairwise(runs):
            assert str(earlier.finished_at) <= str(later.started_at)


def test_no_prediction_fails_or_is_mixed_while_fifty_runs_replace_the_model(artifacts: Path) -> None:
    """Each answer is what the version that it names computes, and versions never go back."""
    with started(artifacts, environment={"IRIS_KEEP_MODELS": "100"}) as service:
        answers: list[httpx.Response] = []
        done = threading.Event()

        def predict_without_pause() -> None:
            with httpx.Client(base_url=service.address) as client:
                while not done.is_set():
                    answers.append(client.post("/predict", json=FLOWER))

        predicting = threading.Thread(target=predict_without_pause)
        predicting.start()
        runs = [service.train(epochs=2, promote="always") for _ in range(50)]
        done.set()
        predicting.join()

        assert {"succeeded"} == {run["status"] for run in runs}
        assert {200} == {answer.status_code for answer in answers}
        told = [answer.json() for answer in answers]
        x = np.array(list(FLOWER.values()))
        scores = {
            version: service.store.model(version).network.scores(x).tolist()
            for version in {answer["model_version"] for answer in told}
        }
        assert len(scores) > 40
        assert all(scores[answer["model_version"]] == list(answer["scores"].values()) for answer in told)
        versions = [answer["model_version"] for answer in told]
        assert sorted(versions) == versions


def test_killed_at_any_moment_it_serves_a_sound_model_at_the_next_start(artifacts: Path) -> None:
    moments = random.Random(0)
    with started(artifacts):
        pass
    statuses = set()
    # A run of a second and more, which is killed while it learns, and one of milliseconds, while it stores or later.
    recipes: list[dict[str, Any]] = [{"hidden_layers": [100], "epochs": 10_000}, {"epochs": 100}]
    for recipe in recipes * 3:
        with started(artifacts) as service:
            run = service.train(wait=0, promote="always", **recipe)
            service.train(wait=0, epochs=1)
            until(lambda: service.store.run(run["id"]).started_at)  # noqa: B023 - called at once
            time.sleep(moments.uniform(0, recipe["epochs"] / 20_000))
            service.kill()
            statuses.add(service.store.run(run["id"]).status.value)
    with started(artifacts) as service:
        until(lambda: not service.store.pending())

        assert "running" in statuses
        assert service.predict()["model_version"] in service.store.versions()
        assert all(service.store.model(version) for version in service.store.versions())
        assert [] == list(artifacts.rglob("*.tmp"))


def test_a_killed_worker_takes_its_child_with_it(artifacts: Path) -> None:
    with started(artifacts) as service:
        run = service.train(wait=0, epochs=10_000)
        until(lambda: service.store.run(run["id"]).status == "running")
        processes = service.processes()
        os.kill(service.process.pid, signal.SIGKILL)
        service.process.wait()
        _, alive = psutil.wait_procs(processes, timeout=5)

        assert [] == alive


def test_a_worker_is_small_before_it_trains(artifacts: Path) -> None:
    with started(artifacts):
        pass
    with started(artifacts) as service:
        assert 3 == len(service.processes())  # with the fork server, and what looks after its resources
        assert psutil.Process(service.process.pid).memory_full_info().pss < 80 * 2**20


def test_a_model_that_the_script_trains_is_picked_up_by_a_running_service(artifacts: Path) -> None:
    with started(artifacts) as service:
        before = service.predict()["model_version"]
        script = [sys.executable, "-m", "model.train", "--epochs", "1", "--artifacts", str(artifacts)]
        subprocess.run(script, check=True, capture_output=True)

        until(lambda: service.predict()["model_version"] == service.store.current(), timeout_seconds=1.5)
        assert before != service.predict()["model_version"]


def test_a_body_that_is_declared_too_long_is_refused_before_it_is_sent(artifacts: Path) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n"
    with (
        started(artifacts) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection,
    ):
        connection.sendall(head)

        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


def test_an_upload_that_pauses_is_ended_and_leaves_nothing(artifacts: Path) -> None:
    head = b"PUT /datasets/mine HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 999\r\n\r\n"
    with (
        started(artifacts, environment={"IRIS_UPLOAD_IDLE_SECONDS": "0.5"}) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection,
    ):
        connection.sendall(head)
        for _ in range(4):  # slow, but no pause
            time.sleep(0.3)
            connection.sendall(b"I")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))  # until the service hangs up

        assert answer.startswith(b"HTTP/1.1 408")
        assert b"application/problem+json" in answer
        assert [] == list(artifacts.rglob("*.tmp"))


def test_the_head_of_a_stream_is_answered_at_once(artifacts: Path) -> None:
    with started(artifacts) as service:
        run = service.train(wait=0, epochs=10_000)
        response = httpx.head(f"{service.address}/train/{run['id']}/events", timeout=2)

        assert (200, b"") == (response.status_code, response.content)
        assert response.headers["content-type"].startswith("text/event-stream")
        assert 405 == httpx.head(f"{service.address}/predict").status_code
        full = httpx.get(f"{service.address}/models")
        assert full.headers["content-length"] == httpx.head(f"{service.address}/models").headers["content-length"]


def follow(service: Service, run_id: str) -> socket.socket:
    """A reader of the events of a run, who has read nothing yet."""
    reader = socket.create_connection(("127.0.0.1", service.port), timeout=30)
    reader.sendall(f"GET /train/{run_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return reader


def test_readers_who_vanish_leave_nothing(artifacts: Path) -> None:
    """More of them than a worker takes at once, so that one who stayed would be noticed."""
    with started(artifacts) as service, service.store.training(timeout_seconds=5):  # so that the run has to wait
        run = service.train(wait=0)
        worker = psutil.Process(service.process.pid)
        with follow(service, run["id"]) as first:
            assert first.recv(1000).startswith(b"HTTP/1.1 200")
            before = len(worker.net_connections("tcp"))
            for _ in range(3):
                with ExitStack() as readers:
                    for _ in range(100):
                        readers.enter_context(follow(service, run["id"]))
                    until(lambda: len(worker.net_connections("tcp")) == before + 100)
                until(lambda: len(worker.net_connections("tcp")) == before, timeout_seconds=5)
            with follow(service, run["id"]) as reader:
                assert reader.recv(1000).startswith(b"HTTP/1.1 200")


def test_a_run_is_followed_from_any_worker_and_who_waits_hears_a_heartbeat(artifacts: Path) -> None:
    with started(artifacts, "--workers", "2") as service:
        ended = service.train(epochs=3)
        streams = {httpx.get(f"{service.address}/train/{ended['id']}/events").text for _ in range(20)}

        assert 1 == len(streams)
        assert "event: finished" in streams.pop()

        with service.store.training(timeout_seconds=5):  # so that others have to wait
            run = service.train(wait=0)
            with follow(service, run["id"]) as reader:
                heard = b""
                while b": ping" not in heard:  # every 15 seconds
                    heard += reader.recv(2**16)
            assert b"event:" not in heard


def test_told_to_stop_it_says_that_it_is_not_ready_before_it_refuses(artifacts: Path) -> None:
    with (
        started(artifacts, environment={"IRIS_DRAIN_SECONDS": "2"}) as service,
        httpx.Client(base_url=service.address) as client,
    ):
        service.process.terminate()
        until(lambda: client.get("/health/ready").status_code == 503, timeout_seconds=1.5)

        assert 200 == client.post("/predict", json=FLOWER).status_code
        client.close()
        assert 0 == service.process.wait(timeout=10)


def test_told_to_stop_it_answers_those_who_wait_for_a_run_and_ends_their_streams(artifacts: Path) -> None:
    with started(artifacts) as service, ThreadPoolExecutor() as pool:
        run = service.train(wait=0, epochs=10_000)
        until(lambda: service.store.run(run["id"]).status == "running")
        waiting = pool.submit(service.train, wait=30, epochs=1)
        stream = pool.submit(httpx.get, f"{service.address}/train/{run['id']}/events", timeout=30)
        until(lambda: len(service.store.pending()) == 2)
        time.sleep(0.3)
        service.process.terminate()

        assert 0 == service.process.wait(timeout=8)
        assert "queued" == waiting.result()["status"]
        assert 200 == stream.result().status_code
        assert ("failed", "The service was stopped.") == (
            service.store.run(run["id"]).status,
            service.store.run(run["id"]).reason,
        )


def predict_until_refused(service: Service, keep: bool) -> int:  # noqa: FBT001 - a client's habit
    """How many predictions a client got before the service took no connection any more."""
    answers = 0
    limits = httpx.Limits(max_keepalive_connections=1 if keep else 0)
    with httpx.Client(base_url=service.address, limits=limits, timeout=20) as client, suppress(httpx.ConnectError):
        while True:
            assert 200 == client.post("/predict", json=FLOWER).status_code
            answers += 1
    return answers


@pytest.mark.parametrize("workers", ["1", "2"])
def test_told_to_stop_it_answers_every_request_that_it_takes(workers: str, artifacts: Path) -> None:
    with started(artifacts, "--workers", workers) as service, ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(predict_until_refused, service, keep=i % 2 == 0) for i in range(8)]
        time.sleep(0.5)
        service.process.terminate()

        assert 0 == service.process.wait(timeout=10)
        assert all(each.result() for each in asking)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_told_to_stop_it_ends_in_ten_seconds_though_an_upload_stalls(workers: str, artifacts: Path) -> None:
    head = b"PUT /datasets/mine HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 999\r\n\r\nI"
    with (
        started(artifacts, "--workers", workers) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection,
    ):
        connection.sendall(head)
        time.sleep(0.2)
        service.process.terminate()

        assert 0 == service.process.wait(timeout=10)
        assert "Traceback" not in service.log.read_text()
