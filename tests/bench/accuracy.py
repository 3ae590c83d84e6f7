"""Test accuracy of the default recipe and of the tutorial's, over many seeds.

    python -m tests.bench.accuracy [--seeds 100]

A seed draws the split and the initial weights, both.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np

from model.dataset import read_csv
from model.hyperparameters import Hyperparameters
from model.pipeline import train


def test_accuracy(seed: int, standardize: bool) -> float:  # noqa: FBT001 - mapped over
    hyperparameters = Hyperparameters(seed=seed, standardize=standardize)
    artifact, _ = train(read_csv(Path("data/Iris.csv")), hyperparameters, split_seed=seed)
    return artifact.card.evaluation["test"].accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    seeds = range(parser.parse_args().seeds)
    print("recipe        mean test accuracy   lowest   runs below 0.80")
    with ProcessPoolExecutor() as pool:
        for recipe, standardize in (("standardised", True), ("tutorial's", False)):
            accuracies = np.array(list(pool.map(test_accuracy, seeds, repeat(standardize))))
            low = np.count_nonzero(accuracies < 0.80)
            print(f"{recipe:12}  {accuracies.mean():18.4f}   {accuracies.min():6.4f}   {low} of {len(accuracies)}")


if __name__ == "__main__":
    main()
