"""What a fork server prepares, each run finds prepared."""

import msgspec

from tests.model.processes import answer

# A run reads a table, learns it, and stores a model; whatever it would have to load for that is printed.
RUN = """
import gc, sys
import msgspec
from model import warm
frozen, before = gc.get_freeze_count(), set(sys.modules)
from pathlib import Path
from model.artifact import decode, encode
from model.child import train as target
from model.dataset import read_csv
from model.hyperparameters import Hyperparameters
from model.job import perform
from model.pipeline import train
decode(encode(train(read_csv(Path("data/Iris.csv")), Hyperparameters(epochs=3))[0]))
sys.stdout.buffer.write(msgspec.json.encode([frozen, sorted(set(sys.modules) - before)]))
"""


def test_a_run_need_not_load_anything_and_copies_no_garbage() -> None:
    frozen, loaded = msgspec.json.decode(answer("-c", RUN), type=tuple[int, list[str]])
    assert [] == loaded
    assert frozen > 0
