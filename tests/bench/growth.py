"""How the seconds of an epoch grow with the rows of the table and with the width of the layers.

    python -m tests.bench.growth [--rounds 3] [tests/bench/growth.png]

Fits exponents on logarithmic axes, prints them and plots both. All sizes are measured in turns, in
one run, and the fastest of the rounds counts: exponents mean something, the seconds do not.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.dataset import Split
from model.hyperparameters import Hyperparameters, InitialWeights
from tests.bench.learners import learner, seconds_per_epoch
from tests.bench.promises import insist
from tests.bench.tables import split_of

_ROWS: Final = (1_000, 3_162, 10_000, 31_623, 100_000, 316_228, 1_000_000)
_WIDTHS: Final = (8, 16, 32, 64, 128, 256, 512)
_ROWS_OF_WIDTHS: Final = 1024
_LEAST_ROWS_AT_ONCE: Final = 100_000  # of several epochs, where one is too short to be timed
_TOLERANCE: Final = 0.05
_BLUE: Final = "#1f5f99"
_RED: Final = "#c8553d"


class Line(NamedTuple):
    """Seconds per epoch by size, and the exponent of a power that fits them."""

    sizes: Sequence[int]
    seconds: Sequence[float]

    def power(self) -> tuple[float, float]:
        """Exponent, and the factor in front."""
        exponent, logarithm = np.polyfit(np.log(self.sizes), np.log(self.seconds), 1)
        return float(exponent), float(np.exp(logarithm))


def over_rows(rounds: int) -> Line:
    """The default recipe, each row a step; a tenth as many rows are scored in addition."""
    table = split_of(max(_ROWS))
    splits = [first(table, rows) for rows in _ROWS]
    return Line(_ROWS, fastest([(split, Hyperparameters()) for split in splits], rounds))


def over_widths(batch_size: int, rounds: int) -> Line:
    """Two hidden layers of each width."""
    split = split_of(_ROWS_OF_WIDTHS)
    recipe = Hyperparameters(batch_size=batch_size, initial_weights=InitialWeights.GLOROT)
    return Line(_WIDTHS, fastest([(split, replace(recipe, hidden_layers=(w, w))) for w in _WIDTHS], rounds))


def first(table: Split, rows: int) -> Split:
    return Split(table.training.take(np.arange(rows)), table.validation.take(np.arange(rows // 10)), table.test)


def fastest(cases: Sequence[tuple[Split, Hyperparameters]], rounds: int) -> list[float]:
    """Seconds per epoch of each case."""
    times = [[timed(*case) for case in cases] for _ in range(rounds)]
    return [min(each) for each in zip(*times, strict=True)]


def timed(split: Split, recipe: Hyperparameters) -> float:
    weights = sum(W.size for W in learner(split, recipe).network().weights)
    epochs = max(1, _LEAST_ROWS_AT_ONCE * 100 // (len(split.training) * weights))
    return seconds_per_epoch(learner(split, recipe), recipe, epochs)


def plot(rows: Line, widths: Mapping[str, Line], path: Path) -> None:
    with rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(10, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        draw(left, rows, "default recipe, 4-5-10-3", _BLUE)
        for (name, line), colour in zip(widths.items(), (_BLUE, _RED), strict=True):
            draw(right, line, name, colour)
        left.set(title="Linear in rows", xlabel="rows of the table", ylabel="seconds per epoch")
        right.set(title=f"Width of two hidden layers, {_ROWS_OF_WIDTHS:,} rows", xlabel="neurons in each")
        right.set_xticks(_WIDTHS, [str(width) for width in _WIDTHS])
        right.minorticks_off()
        for axes in (left, right):
            axes.legend(frameon=False, loc="upper left")
            axes.grid(alpha=0.25, linewidth=0.6)
        figure.savefig(path, dpi=110)


def draw(axes: Axes, line: Line, name: str, colour: str) -> None:
    exponent, factor = line.power()
    sizes = np.array(line.sizes)
    axes.loglog(sizes, factor * sizes**exponent, color=colour, linewidth=1, alpha=0.5)
    axes.loglog(sizes, line.seconds, "o", color=colour, markersize=5, label=f"{name}: exponent {exponent:.2f}")


def report(name: str, line: Line) -> None:
    print(f"{name}: exponent {line.power()[0]:.3f}")
    for size, seconds in zip(line.sizes, line.seconds, strict=True):
        print(f"{size:10,}  {seconds * 1e3:10.3f} ms an epoch")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("png", type=Path, nargs="?", default=Path("tests/bench/growth.png"))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    timed(split_of(10), Hyperparameters())  # warm
    rows = over_rows(options.rounds)
    report("rows, default recipe", rows)
    widths = {
        "a step per row, loops": over_widths(1, options.rounds),
        "batches of 256": over_widths(256, options.rounds),
    }
    for name, line in widths.items():
        report(f"widths, {name}", line)
    plot(rows, widths, options.png)
    exponent = rows.power()[0]
    insist({f"an epoch is linear in rows: exponent {exponent:.3f}": abs(exponent - 1) <= _TOLERANCE})


if __name__ == "__main__":
    main()
