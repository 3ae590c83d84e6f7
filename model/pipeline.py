"""Table -> split -> network -> scores -> artifact: the whole of a training run, without files."""

from dataclasses import replace

import numpy as np

from model.artifact import FORMAT, Artifact, Card, DatasetReference, SelfTest
from model.dataset import Dataset, Split, split
from model.errors import TrainingError
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
    held_back: Dataset | None = None,
) -> tuple[Artifact, list[EpochScore]]:
    """Split the dataset, fit a network to it and evaluate it on each part of the split.

    Rows that are held back, whatever their species here, are not learned from. The same arguments
    give an artifact of the same bytes.
    """
    parts = deal(dataset, split_seed)
    if held_back is not None:
        parts = replace(parts, training=_without(parts.training, held_back))
    network, history = fit(parts, hyperparameters, report)
    return Artifact(network, _card(network, parts, hyperparameters, len(dataset), split_seed)), history


def deal(dataset: Dataset, split_seed: int = SPLIT_SEED) -> Split:
    """The dataset's split by that seed."""
    return split(dataset, np.random.default_rng(split_seed))


def _without(training: Dataset, held_back: Dataset) -> Dataset:
    known = {tuple(row) for row in held_back.X.tolist()}
    kept = training.take(np.flatnonzero([tuple(row) not in known for row in training.X.tolist()]))
    if len(np.unique(kept.labels)) < len(training.species):
        raise TrainingError("a species has no rows left to learn from without those that are held back")
    return kept


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
