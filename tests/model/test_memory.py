"""However little memory there is, want of it is a `MemoryError`: no panic, no abort, no hang, no other reason."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from model.artifact import Artifact, encode
from model.dataset import Dataset
from model.hyperparameters import MAX_HIDDEN_LAYERS, MAX_LAYER_SIZE, Hyperparameters
from model.pipeline import train
from tests.model.processes import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory is taken")

# Each limit is tried in a process of its own, forked when everything is loaded: its status tells what ended it.
PROBE = """
import json, os, resource, sys
from pathlib import Path
from model.artifact import decode, encode

data = Path(sys.argv[1]).read_bytes()
artifact = decode(data)
work = {"encode": lambda: encode(artifact), "decode": lambda: decode(data)}[sys.argv[2]]

def ending(limit):
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        work()
    except MemoryError:
        os._exit(75)
    except BaseException:
        os._exit(1)
    os._exit(0)

taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
print(json.dumps([ending(taken + step * 3 * 2**17) for step in range(128)]))
"""


THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from model.artifact import decode

def rss_mebibytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

data = Path(sys.argv[1]).read_bytes()
pools = [ThreadPoolExecutor(1) for _ in range(9)]
for number, pool in enumerate(pools):
    for _ in range(3):
        pool.submit(decode, data).result()
    if number == 0:
        before = rss_mebibytes()
print(rss_mebibytes() - before)
"""


@pytest.fixture(scope="module")
def largest(iris: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The largest artifact there may be, in a file."""
    hyperparameters = Hyperparameters(hidden_layers=(MAX_LAYER_SIZE,) * MAX_HIDDEN_LAYERS, epochs=1)
    path = tmp_path_factory.mktemp("largest") / "artifact"
    path.write_bytes(encode(train(iris, hyperparameters)[0]))
    return path


@pytest.mark.parametrize("work", ["encode", "decode"])
def test_the_largest_artifact_is_handled_or_too_large_for_the_memory(work: str, largest: Path) -> None:
    command = [sys.executable, "-c", PROBE, str(largest), work]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    statuses = json.loads(ended.stdout)

    assert {0, 75} == set(statuses), ended.stderr
    assert sorted(statuses, reverse=True) == statuses


def test_a_thread_that_has_read_an_artifact_keeps_little_memory(small: Artifact, tmp_path: Path) -> None:
    path = tmp_path / "artifact"
    path.write_bytes(encode(small))
    command = [sys.executable, "-c", THREADS, str(path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)

    assert float(ended.stdout) < 8  # of eight threads
