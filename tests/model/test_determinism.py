"""Same table, same recipe: same bytes, whatever happened before, in whichever process, on however many threads."""

from pathlib import Path

import pytest

from model.artifact import encode
from model.dataset import Dataset
from model.hyperparameters import Activation, ClassWeight, Hyperparameters, InitialWeights, Optimizer, Output
from model.pipeline import train
from tests.model.processes import answer

RECIPES = [
    Hyperparameters(epochs=5),
    Hyperparameters(
        (6,),
        Activation.TANH,
        Output.SOFTMAX,
        InitialWeights.GLOROT,
        Optimizer.ADAM,
        learning_rate=0.01,
        learning_rate_decay=0.1,
        batch_size=16,
        epochs=8,
        patience=3,
        l2=0.001,
        class_weight=ClassWeight.BALANCED,
        restarts=3,
    ),
    Hyperparameters((64,), Activation.RELU, Output.SOFTMAX, InitialWeights.HE, batch_size=64, epochs=5, momentum=0.9),
]

# Bytes of an artifact, from a process of its own: a table of 150 rows in loops, one of 6,000 in matrices.
TRAIN = """
import hashlib, sys
from pathlib import Path
import numpy as np
from model.artifact import encode
from model.dataset import Dataset, read_csv
from model.hyperparameters import Hyperparameters
from model.pipeline import train

rng = np.random.default_rng(0)
many = Dataset("many", "", ("a", "b", "c"), rng.uniform(1, 8, size=(6000, 4)), rng.integers(3, size=6000))
wide = Hyperparameters((256, 256), "relu", "softmax", "he", batch_size=256, learning_rate=0.01, epochs=2)
iris = read_csv(Path("data/Iris.csv"))
for table, recipe in ((iris, Hyperparameters(epochs=30)), (many, wide))[: int(sys.argv[1])]:
    print(hashlib.sha256(encode(train(table, recipe)[0])).hexdigest())
"""


@pytest.mark.parametrize("recipe", RECIPES, ids=["tutorial's", "everything", "in batches"])
def test_the_same_training_gives_the_same_bytes_and_another_seed_gives_others(
    iris: Dataset, recipe: Hyperparameters
) -> None:
    first = encode(train(iris, recipe)[0])
    other = encode(train(iris, Hyperparameters(**(vars(recipe) | {"seed": 7})))[0])
    assert first == encode(train(iris, recipe)[0])
    assert first != other


def test_the_number_of_threads_changes_no_byte() -> None:
    found = [answer("-c", TRAIN, "2", OPENBLAS_NUM_THREADS=threads, OMP_NUM_THREADS=threads) for threads in ("1", "2")]
    assert 2 == found[0].count(b"\n")
    assert found[0] == found[1]


def test_a_process_that_compiles_gives_the_bytes_of_one_that_loads_what_was_compiled(tmp_path: Path) -> None:
    found = [answer("-c", TRAIN, "1", NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    assert list(tmp_path.rglob("*.nbc"))
    assert found[0] == found[1]
