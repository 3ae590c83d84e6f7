r"""Test accuracy of recipes over many random splits, and of scikit-learn's MLPClassifier with its defaults.

    python -m tests.bench.accuracy [--splits 100]

A seed deals the rows and draws the initial weights, both, and all get the same deals. scikit-learn's
learns the validation rows too, for it has no use for them. The 95 % intervals are those of the
mean over deals of this table, not over other flowers. How far the winner is from each of the others
is told of pairs on the same deal.

The winner is what this search finds:

    python -m model.search --seed 0 --draws 150 --folds 5 --repeats 10 --output softmax \
      --initial-weights glorot --optimizer adam --learning-rate 0.001 \
      --vary hidden_layers=8,32,100 activation=tanh,relu standardize=true,false batch_size=8,32,128 \
      learning_rate=0.001..0.02 l2=0.0,0.0001,0.001,0.01 epochs=100,200

It cross-validates on the whole of this table, so that the choice, if not the weights, has seen the
test rows: where many recipes are this close, its lead is a little too good.
"""

import argparse
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from model.dataset import read_csv
from model.evaluation import accuracy
from model.hyperparameters import Activation, Hyperparameters, InitialWeights, Optimizer, Output
from model.network import Array
from model.pipeline import deal
from model.training import fit
from tests.bench.promises import insist
from tests.bench.stores import IRIS

WINNER: Final = Hyperparameters(
    hidden_layers=(100,),
    activation=Activation.TANH,
    output=Output.SOFTMAX,
    initial_weights=InitialWeights.GLOROT,
    optimizer=Optimizer.ADAM,
    learning_rate=0.00103,
    batch_size=128,
    epochs=100,
    standardize=False,
)
_Z: Final = NormalDist().inv_cdf(0.975)
_LOW: Final = 0.80
_WINNER: Final = "the winner of the search"
_THEIRS: Final = "scikit-learn's MLPClassifier"

Contender = Callable[[int], float]  # a seed -> the accuracy on its test rows


def ours(recipe: Hyperparameters, seed: int) -> float:
    split = deal(read_csv(IRIS), seed)
    return accuracy(fit(split, replace(recipe, seed=seed)).network.scores(split.test.X), split.test.labels)


def theirs(seed: int, *steps: Any) -> float:
    """Of an MLPClassifier with its defaults, behind these steps."""
    split = deal(read_csv(IRIS), seed)
    X = np.concatenate([split.training.X, split.validation.X])
    labels = np.concatenate([split.training.labels, split.validation.labels])
    classifier = make_pipeline(*steps, MLPClassifier(random_state=seed))
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(X, labels)
    return float(classifier.score(split.test.X, split.test.labels))


def theirs_standardised(seed: int) -> float:
    return theirs(seed, StandardScaler())


CONTENDERS: Final[dict[str, Contender]] = {
    _WINNER: partial(ours, WINNER),
    "standardised, the default": partial(ours, Hyperparameters()),
    "the tutorial's recipe": partial(ours, Hyperparameters(standardize=False)),
    _THEIRS: theirs,
    f"{_THEIRS}, standardised": theirs_standardised,
}


def interval(values: Array) -> tuple[float, float]:
    """The mean of values (n,), and how far its 95 % interval reaches to either side."""
    return float(values.mean()), float(_Z * values.std(ddof=1) / len(values) ** 0.5)


def report(found: dict[str, Array]) -> None:
    print(f"{'':42}  mean    95 % interval     lowest  below {_LOW:.2f}   the winner's lead")
    for name, accuracies in found.items():
        mean, reach = interval(accuracies)
        low = np.count_nonzero(accuracies < _LOW)
        print(
            f"{name:42}  {mean:.4f}  {mean - reach:.4f} to {mean + reach:.4f}  {accuracies.min():.4f}  {low:10}", end=""
        )
        print("" if name == _WINNER else "   {:+.4f} +- {:.4f}".format(*interval(found[_WINNER] - accuracies)))


def measure(seeds: Sequence[int]) -> dict[str, Array]:
    """Accuracies (n,) by who has them, in the order of the seeds."""
    with ProcessPoolExecutor() as pool:
        return {name: np.array(list(pool.map(contend, seeds, chunksize=4))) for name, contend in CONTENDERS.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=100)
    found = measure(range(parser.parse_args().splits))
    report(found)
    insist(
        {
            f"{_WINNER} is right as often as {name} at least": found[_WINNER].mean() >= accuracies.mean()
            for name, accuracies in found.items()
            if name.startswith(_THEIRS)
        }
    )


if __name__ == "__main__":
    main()
