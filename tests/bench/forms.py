"""Learning in loops against learning in matrices, over widths of the layers and sizes of the batches.

    python -m tests.bench.forms [--rounds 3]

The two are timed in turns, in one run, and the fastest of the rounds counts. Prints how many times
longer loops take, so that matrices win where that is above 1, and marks what `model/learner.py`
chooses: `=` for loops, `#` for matrices, and a `!` where it loses more than it may.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Final, NamedTuple

from model.dataset import Split
from model.hyperparameters import Activation, Hyperparameters, InitialWeights, Optimizer, Output
from model.learner import Learner
from tests.bench.learners import learner, seconds_per_epoch
from tests.bench.promises import insist
from tests.bench.tables import split_of

_WIDTHS: Final = (8, 16, 32, 64, 128, 256, 512)
_BATCH_SIZES: Final = (1, 4, 16, 64, 256, 1024)
_WORK: Final = 10_000_000  # rows times weights that each measurement takes, where the batch is no larger
_MAX_LOSS: Final = 1.5
_RECIPES: Final = {
    "sigmoid, squared error, gradient descent": Hyperparameters(initial_weights=InitialWeights.GLOROT),
    "relu, softmax, adam": Hyperparameters(
        activation=Activation.RELU,
        output=Output.SOFTMAX,
        optimizer=Optimizer.ADAM,
        learning_rate=0.001,
        initial_weights=InitialWeights.HE,
    ),
}
_split = cache(split_of)


class Cell(NamedTuple):
    """One width and one batch size: how long each form took for an epoch, and which one is chosen."""

    width: int
    batch_size: int
    loops: float
    matrices: float
    chooses_matrices: bool

    def loss(self) -> float:
        """How many times longer the chosen form takes than the other."""
        return self.matrices / self.loops if self.chooses_matrices else self.loops / self.matrices

    def __str__(self) -> str:
        mark = "!" if self.loss() > _MAX_LOSS else "#" if self.chooses_matrices else "="
        return f"{self.loops / self.matrices:7.2f}{mark}"


def measure(recipe: Hyperparameters, rounds: int) -> Iterator[list[Cell]]:
    """The cells of each width in turn; two hidden layers are as wide."""
    for width in _WIDTHS:
        wide = replace(recipe, hidden_layers=(width, width))
        yield [cell(replace(wide, batch_size=batch_size), rounds) for batch_size in _BATCH_SIZES]


def cell(recipe: Hyperparameters, rounds: int) -> Cell:
    width = recipe.hidden_layers[0]
    split = _split(rows_for(width, recipe.batch_size), 0.0)
    learning = learner(split, recipe)
    chosen = learning._by_matrices
    times = [(timed(split, recipe, matrices=False), timed(split, recipe, matrices=True)) for _ in range(rounds)]
    loops, matrices = map(min, zip(*times, strict=True))
    return Cell(width, recipe.batch_size, loops, matrices, chosen)


def rows_for(width: int, batch_size: int) -> int:
    """Some batches' worth."""
    batches = max(1, _WORK // (width * width + 7 * width) // batch_size)
    return batches * batch_size


def timed(split: Split, recipe: Hyperparameters, *, matrices: bool) -> float:
    learning = forced(split, recipe, matrices=matrices)
    return seconds_per_epoch(learning, recipe)


def forced(split: Split, recipe: Hyperparameters, *, matrices: bool) -> Learner:
    learning = learner(split, recipe)
    learning._by_matrices = matrices
    return learning


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cells: list[Cell] = []
    for name, recipe in _RECIPES.items():
        for matrices in (False, True):
            timed(_split(1, 0.0), recipe, matrices=matrices)  # warm
        print(f"{name}: seconds of loops to those of matrices, by width and batch size")
        print("width  " + "".join(f"{batch_size:8}" for batch_size in _BATCH_SIZES))
        for line in measure(recipe, options.rounds):
            print(f"{line[0].width:5}  " + "".join(map(str, line)), flush=True)
            cells += line
    worst = max(cells, key=Cell.loss)
    right = sum(each.loss() <= 1 for each in cells)
    print(
        f"the faster form is chosen in {right} of {len(cells)} cells; the worst choice takes {worst.loss():.2f} ",
        end="",
    )
    print(f"times as long, at width {worst.width} and batches of {worst.batch_size}")
    insist({f"no choice takes over {_MAX_LOSS:g} times as long as the other": worst.loss() <= _MAX_LOSS})


if __name__ == "__main__":
    main()
