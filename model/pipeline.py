"""Table -> split -> network -> scores -> artifact: the whole of a training run, without files."""

import numpy as np

from model.artifact import FORMAT, Artifact, Card, DatasetReference, SelfTest
from model.dataset import Dataset, Split, split
from model.evaluation import EpochScore, evaluate
from model.features import FEATURES
from model.hyperparameters import Hyperparameters
from model.network import Network
from model.training import Report, fit, unheard

# The rows are always dealt the same way, so that two models are compared on rows neither has seen.
SPLIT_SEED = 0


def train(
    dataset: Dataset,
    hyperparameters: Hyperparameters,
    report: Report = unheard,
    split_seed: int = SPLIT_SEED,
) -> tuple[Artifact, list[EpochScore]]:
    """Split the dataset, fit a network to it and evaluate it on each part of the split.

    The same dataset, hyperparameters and split seed give an artifact of the same bytes.
    """
    parts = split(dataset, np.random.default_rng(split_seed))
    network, history = fit(parts, hyperparameters, report)
    return Artifact(network, _card(network, parts, hyperparameters, len(dataset), split_seed)), history


def _card(network: Network, parts: Split, hyperparameters: Hyperparameters, rows: int, split_seed: int) -> Card:
    training = parts.training
    return Card(
        format=FORMAT,
        species=training.species,
        layer_sizes=network.layer_sizes,
        feature_ranges=dict(zip(FEATURES, zip(*_extremes(training), strict=True), strict=True)),
        hyperparameters=hyperparameters,
        dataset=DatasetReference(training.name, rows, training.sha256),
        split_seed=split_seed,
        evaluation={
            "training": evaluate(network, parts.training),
            "validation": evaluate(network, parts.validation),
            "test": evaluate(network, parts.test),
        },
        self_test=_self_test(network, training),
    )


def _extremes(training: Dataset) -> tuple[list[float], list[float]]:
    return training.X.min(axis=0).tolist(), training.X.max(axis=0).tolist()


def _self_test(network: Network, training: Dataset) -> SelfTest:
    flower = training.X[0]
    return SelfTest(tuple(flower.tolist()), tuple(network.scores(flower).tolist()))
