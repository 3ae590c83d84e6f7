"""The Docker image, run for real by docker or podman, whichever answers; skipped where neither does.

`pytest -m container` runs these tests alone, `-m "not container"` all others. They build the image
themselves and remove it afterwards, unless IRIS_TEST_IMAGE names an image that was built beforehand.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

pytestmark = pytest.mark.container

_ROOT = Path(__file__).parents[1]
_ARTIFACTS = "/var/lib/iris"
_COMMAND = ["python", "-m", "app", "--host", "0.0.0.0", "--port", "8000"]  # noqa: S104 -- what the image says
_SETOSA = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
_LONG = {"hidden_layers": [512, 512], "epochs": 10_000}
_TOKEN = uuid4().hex
_ADMIN = {"Authorization": f"Bearer {_TOKEN}"}
_HARDENED = (
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    # podman makes these writable in a read-only container, docker does not.
    *("--tmpfs", "/tmp:ro", "--tmpfs", "/var/tmp:ro"),  # noqa: S108 -- the container's
)

# Measured: 338 MB, half of it the compiler of the loops; with the larger of the bases that it was built on, 589 MB in
# all. A fifth is for growth.
_MOST_BYTES_ADDED = 406_000_000
_MOST_BYTES = 707_000_000

_LOOK_INSIDE = """
import importlib.util, json, os, shutil, sys
from pathlib import Path
ours = [path for root in (sys.prefix, os.getcwd(), os.environ["IRIS_ARTIFACTS"]) for path in Path(root).rglob("*")]
sources = [path for path in ours if path.suffix == ".py"]
print(json.dumps({
    "tests": [str(path) for path in ours if path.name == "tests"],
    "modules": [name for name in ("pip", "setuptools", "wheel", "pytest", "mypy") if importlib.util.find_spec(name)],
    "installers": [str(path) for path in ours if path.parent.name == "bin" and path.name.startswith("pip")],
    "compilers": [name for name in ("cc", "gcc", "clang") if shutil.which(name)],
    "uncompiled": [str(path) for path in sources if not Path(importlib.util.cache_from_source(path)).exists()],
    "writable": [str(path) for path in ours if os.access(path, os.W_OK) and not path.is_symlink()],
    "bytes": sum(path.lstat().st_size for path in ours),
}))
"""


class Engine:
    """docker or podman; an instance runs its subcommands."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: str, timeout_seconds: float = 60) -> str:
        """What a subcommand prints; it has to succeed."""
        done = self.attempt(*arguments, timeout_seconds=timeout_seconds)
        assert 0 == done.returncode, f"{self.name} {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def attempt(self, *arguments: str, timeout_seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """A subcommand, however it ends."""
        return subprocess.run(
            [self.name, *arguments], capture_output=True, text=True, timeout=timeout_seconds, check=False
        )


@dataclass(frozen=True)
class Container:
    """One that a test has started."""

    engine: Engine
    id: str

    def inspect(self) -> dict[str, Any]:
        """What the engine knows about it."""
        found: dict[str, Any] = json.loads(self.engine("inspect", "--type", "container", self.id))[0]
        return found

    def run(self, *command: str) -> str:
        """What a command inside prints."""
        return self.engine("exec", self.id, *command)

    def succeeds(self, *command: str) -> bool:
        """Whether a command inside ends with status 0."""
        return self.engine.attempt("exec", self.id, *command).returncode == 0

    def logs(self) -> str:
        """What it has written."""
        done = self.engine.attempt("logs", self.id)
        return done.stdout + done.stderr

    def end(self) -> int:
        """Its exit status after SIGTERM; raises `subprocess.TimeoutExpired` if it takes 10 seconds."""
        self.engine("kill", "--signal", "TERM", self.id)
        return int(self.engine("wait", self.id, timeout_seconds=10))


@dataclass(frozen=True)
class Service(Container):
    """A container whose service answers."""

    http: httpx.Client

    def predict(self) -> dict[str, Any]:
        """The answer about a flower that everyone knows."""
        answer = self.http.post("/predict", json=_SETOSA)
        assert 200 == answer.status_code, answer.text
        prediction: dict[str, Any] = answer.json()
        assert "Iris-setosa" == prediction["species"]
        return prediction

    def train(self) -> str:
        """The version of a newly trained model, once it serves."""
        answer = self.http.post("/train", params={"wait": 30}, headers=_ADMIN)
        assert (201, "succeeded") == (answer.status_code, answer.json()["status"]), answer.text
        version: str = answer.json()["model_version"]
        _wait_until(lambda: self.predict()["model_version"] == version, seconds=5)
        return version


@dataclass(frozen=True)
class Bench:
    """Starts containers for one test; they are gone when it ends."""

    engine: Engine
    image: str
    cleanup: ExitStack

    def start(self, *options: str, command: tuple[str, ...] = ()) -> Container:
        """A container of the image, as confined as can be."""
        container = self.engine("create", *_HARDENED, *options, self.image, *command)
        self.cleanup.callback(self.engine, "rm", "--force", "--volumes", container)
        self.cleanup.callback(self.engine.attempt, "kill", container)  # podman's rm would ask kindly, and wait
        self.engine("start", container)
        return Container(self.engine, container)

    def serve(self, *options: str) -> Service:
        """A service that is ready. Its port is the same inside and outside, for the host's network may be shared."""
        port = _free_port()
        container = self.start(
            *("--publish", f"127.0.0.1:{port}:{port}", "--env", f"IRIS_ADMIN_TOKEN={_TOKEN}"),
            *options,
            command=(*_COMMAND[:-1], str(port)),
        )
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)
        service = Service(self.engine, container.id, self.cleanup.enter_context(client))
        _wait_until(lambda: _is_ready(service), seconds=30)
        return service

    def output(self, *arguments: str) -> str:
        """What a container that runs something else prints; options of the engine go first, then the image."""
        return self.engine("run", "--rm", "--network", "none", *arguments)

    def volume(self) -> str:
        """A new named volume."""
        name = self.engine("volume", "create")
        self.cleanup.callback(self.engine, "volume", "rm", name)
        return name

    def mounted(self, path: Path) -> tuple[str, str]:
        """Options that put a directory of the host in the place of the artifacts; emptied afterwards."""
        options = ("--volume", f"{path}:{_ARTIFACTS}")
        # By the container's user: to the host's, the files may be somebody else's.
        self.cleanup.callback(self.output, *options, self.image, "sh", "-c", f"rm -rf {_ARTIFACTS}/*")
        return options


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _is_ready(service: Service) -> bool:
    assert service.inspect()["State"]["Running"], service.logs()
    try:
        return service.http.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def engine() -> Engine:
    for name in ("docker", "podman"):
        if shutil.which(name) and Engine(name).attempt("info").returncode == 0:
            return Engine(name)
    pytest.skip("neither docker nor podman answers here")


@pytest.fixture(scope="module")
def image(engine: Engine) -> Iterator[str]:
    if given := os.environ.get("IRIS_TEST_IMAGE"):
        yield given
        return
    tag = f"iris-test-{uuid4().hex}"
    # podman's own format has no health checks.
    options = ("--format", "docker") if engine.name == "podman" else ()
    engine("build", *options, "--tag", tag, str(_ROOT), timeout_seconds=900)
    yield tag
    engine("rmi", tag)


@pytest.fixture
def bench(engine: Engine, image: str) -> Iterator[Bench]:
    with ExitStack() as cleanup:
        yield Bench(engine, image, cleanup)


@pytest.fixture(scope="module")
def config(engine: Engine, image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine("image", "inspect", image))[0]["Config"]
    return found


@pytest.fixture(scope="module")
def inside(engine: Engine, image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine("run", "--rm", "--network", "none", image, "python", "-c", _LOOK_INSIDE))
    return found


def _serving(pointer: str) -> str:
    """The version that serves: the first word of the pointer; below it stand those before."""
    return pointer.split(maxsplit=1)[0]


def test_a_new_container_serves_the_model_of_the_image(bench: Bench) -> None:
    """It predicts at once, with all privileges dropped, by the model that was trained when the image was built."""
    built = _serving(bench.output(bench.image, "cat", f"{_ARTIFACTS}/current"))

    assert built == bench.serve().predict()["model_version"]


def test_the_page_is_in_the_image_with_its_charts(bench: Bench) -> None:
    service = bench.serve()

    assert "<title>Iris</title>" in service.http.get("/").text
    assert 200 == service.http.get("/page/main.js").status_code
    assert "plotly.js" in service.http.get("/page/plotly.min.js").text[:200]
    assert 150 == service.http.get(f"/models/{service.predict()['model_version']}/rows").json()["rows"]


def test_it_runs_as_a_user_without_privileges(bench: Bench, config: dict[str, Any]) -> None:
    """The user is a number other than 0, in the image's configuration and in the container."""
    container = bench.start("--network", "none")
    user, group = container.run("id", "-u"), container.run("id", "-g")

    assert f"{user}:{group}" == config["User"]
    assert re.fullmatch(r"[1-9]\d*", user)
    assert re.fullmatch(r"[1-9]\d*", group)


def test_what_it_runs_is_not_its_own(inside: dict[str, Any]) -> None:
    """Of all that the image adds, the container's user can write the artifacts only."""
    assert [] == [path for path in inside["writable"] if not path.startswith(_ARTIFACTS)]
    assert [path for path in inside["writable"] if path.startswith(_ARTIFACTS)] != []


def test_the_default_command_is_the_first_process(bench: Bench, config: dict[str, Any]) -> None:
    """No shell stands between the engine's signals and the service."""
    container = bench.start("--network", "none")

    assert config["Cmd"] == _COMMAND
    assert not config.get("Entrypoint")
    assert container.run("cat", "/proc/1/cmdline").rstrip("\0").split("\0") == _COMMAND


def test_it_is_healthy_by_its_own_check(bench: Bench) -> None:
    """The image's health check passes once the default command serves, also where a proxy is set."""
    container = bench.start("--network", "none", "--env", "http_proxy=http://127.0.0.1:9")
    form, *check = container.inspect()["Config"]["Healthcheck"]["Test"]

    assert "CMD" == form
    _wait_until(lambda: container.succeeds(*check), seconds=30)


def test_without_a_model_it_is_not_healthy(bench: Bench) -> None:
    """A service that is alive and cannot predict fails the image's health check."""
    container = bench.start("--network", "none", "--env", "IRIS_ARTIFACTS=/nowhere")
    _, *check = container.inspect()["Config"]["Healthcheck"]["Test"]

    _wait_until(lambda: container.succeeds(*(part.replace("ready", "live") for part in check)), seconds=30)
    assert not container.succeeds(*check)


def test_training_takes_the_token(bench: Bench) -> None:
    """On a read-only root without a temporary directory, /train refuses strangers and trains for administrators."""
    service = bench.serve()
    before = service.predict()["model_version"]

    assert 401 == service.http.post("/train", params={"wait": 30}).status_code
    assert service.predict()["model_version"] == before
    assert service.train() != before


def test_a_volume_keeps_the_models(bench: Bench) -> None:
    """A new container on the volume of an old one serves what that one has trained."""
    volume = ("--volume", f"{bench.volume()}:{_ARTIFACTS}")
    first = bench.serve(*volume)
    trained = first.train()
    assert 0 == first.end()

    assert bench.serve(*volume).predict()["model_version"] == trained


def test_an_empty_directory_gets_its_first_model(bench: Bench, tmp_path: Path) -> None:
    """Where the artifacts are mounted from an empty directory, the service trains before it is ready."""
    tmp_path.chmod(0o777)
    service = bench.serve(*bench.mounted(tmp_path))

    version = service.predict()["model_version"]
    assert [path.stem for path in (tmp_path / "models").iterdir()] == [version]
    assert service.train() != version


def test_artifacts_that_cannot_be_written_are_served(bench: Bench) -> None:
    """On a volume mounted read-only it predicts, and says that it cannot train."""
    volume = f"{bench.volume()}:{_ARTIFACTS}"
    filled = _serving(bench.output("--volume", volume, bench.image, "cat", f"{_ARTIFACTS}/current"))
    service = bench.serve("--volume", f"{volume}:ro")

    assert service.predict()["model_version"] == filled
    assert 503 == service.http.post("/train", headers=_ADMIN).status_code
    assert service.predict()["model_version"] == filled


def test_another_user_can_serve(bench: Bench) -> None:
    """It predicts as whatever user an orchestrator chooses."""
    service = bench.serve("--user", "4242:4242")

    assert "4242" == service.run("id", "-u")
    service.predict()


def test_sigterm_ends_it_in_order(bench: Bench) -> None:
    """Exit status 0 within 10 seconds."""
    service = bench.serve()

    assert 0 == service.end()
    assert 0 == service.inspect()["State"]["ExitCode"]


def test_sigterm_ends_it_in_order_while_it_trains(bench: Bench) -> None:
    """A run under way holds nothing up, and the next container on the volume knows that it has failed."""
    volume = ("--volume", f"{bench.volume()}:{_ARTIFACTS}")
    service = bench.serve(*volume)
    answer = service.http.post("/train", params={"wait": 0}, headers=_ADMIN, json=_LONG)
    assert 202 == answer.status_code, answer.text
    run = answer.headers["Location"]
    _wait_until(lambda: service.http.get(run).json()["status"] == "running", seconds=10)
    assert 0 == service.end()

    assert "failed" == bench.serve(*volume).http.get(run).json()["status"]


def test_the_labels_say_what_the_project_says(config: dict[str, Any]) -> None:
    """Title, description, licence and version are those of pyproject.toml."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    expected = {
        "title": project["name"],
        "description": project["description"],
        "licenses": project["license"],
        "version": project["version"],
    }

    assert expected == {name: config["Labels"][f"org.opencontainers.image.{name}"] for name in expected}


@pytest.mark.parametrize("what", ["tests", "modules", "installers", "compilers"])
def test_it_holds_nothing_that_serving_does_not_need(inside: dict[str, Any], what: str) -> None:
    """No tests, no development tools, no installer beside the dependencies, no compiler."""
    assert [] == inside[what]


def test_it_starts_from_bytecode(inside: dict[str, Any]) -> None:
    """Every source was compiled at build: a read-only container could never keep what it compiles."""
    assert [] == inside["uncompiled"]


def test_it_stays_small(engine: Engine, image: str, inside: dict[str, Any]) -> None:
    """What the image adds to its base, and the whole of it, stay below what was measured and a fifth."""
    whole = json.loads(engine("image", "inspect", image))[0]["Size"]

    assert inside["bytes"] < _MOST_BYTES_ADDED
    assert whole < _MOST_BYTES
