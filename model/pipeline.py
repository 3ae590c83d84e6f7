"""Table -> split -> network -> scores -> artifact: the whole of a training run, without files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.artifact import FORMAT, Artifact, Card, DatasetReference, SelfTest
from model.crossvalidation import cross_validate
from model.dataset import Dataset, Split, split
from model.errors import TrainingError
from model.evaluation import CrossValidation, EpochScore, Evaluations, evaluate
from model.features import FEATURES
from model.hyperparameters import CrossValidationPlan, Hyperparameters
from model.incumbent import Incumbent
from model.network import Array, Network
from model.training import Fit, Report, fit, unheard

# The rows are always dealt the same way, so that two models are compared on rows neither has seen.
SPLIT_SEED = 0


@dataclass(frozen=True, eq=False)
class Circumstances:
    """What a training run depends on besides its table and recipe.

    Attributes
    ----------
    split_seed : deals the rows
    held_back : tables whose rows are not learned from, whatever their species there
    ancestor : the model of a warm start
    cross_validation : how to cross-validate the recipe, if that is wanted
    """

    split_seed: int = SPLIT_SEED
    held_back: tuple[Dataset, ...] = ()
    ancestor: Incumbent | None = None
    cross_validation: CrossValidationPlan | None = None


def train(
    dataset: Dataset,
    hyperparameters: Hyperparameters,
    report: Report = unheard,
    circumstances: Circumstances = Circumstances(),
) -> tuple[Artifact, list[EpochScore]]:
    """Split the dataset, fit a network to it and evaluate it on each part of the split.

    The same arguments give an artifact of the same bytes on the same machine.

    Raises
    ------
    TrainingError
        If the loss diverges, if too few rows are left to learn from, or if the model of a warm
        start does not fit the recipe and the table.
    """
    parts = deal(dataset, circumstances.split_seed)
    if circumstances.held_back:
        parts = replace(parts, training=_without(parts.training, circumstances.held_back))
    fitted = fit(parts, hyperparameters, report, _begin_with(hyperparameters, parts, circumstances.ancestor))
    plan = circumstances.cross_validation
    validated = cross_validate(dataset, hyperparameters, plan, circumstances.split_seed, report) if plan else None
    card = _card(fitted, parts, hyperparameters, len(dataset), circumstances, validated)
    return Artifact(fitted.network, card), fitted.history


def deal(dataset: Dataset, split_seed: int = SPLIT_SEED) -> Split:
    """The dataset's split by that seed."""
    return split(dataset, np.random.default_rng(split_seed))


def shared(dataset: Dataset, others: Sequence[Dataset]) -> NDArray[np.bool_]:
    """Which rows have the measurements of a row of the others, to a thousandth of a centimetre: bool (n,)."""
    return np.isin(_as_items(dataset.X), np.concatenate([_as_items(other.X) for other in others]))


def _without(training: Dataset, held_back: Sequence[Dataset]) -> Dataset:
    kept = training.take(np.flatnonzero(~shared(training, held_back)))
    if len(np.unique(kept.labels)) < len(training.species):
        raise TrainingError("a species has no rows left to learn from without those that are held back")
    return kept


def _as_items(X: Array) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """The rows of X (n, d) as single items, by which they can be looked up: (n,)."""
    return np.ascontiguousarray(X.round(3)).view([("", X.dtype)] * X.shape[1]).ravel()


def _begin_with(hyperparameters: Hyperparameters, parts: Split, ancestor: Incumbent | None) -> Network | None:
    """The network that a warm start goes on from."""
    if not hyperparameters.warm_start:
        return None
    if ancestor is None:
        raise TrainingError("warm_start: there is no current model to go on from")
    card = ancestor.artifact.card
    if card.species != parts.training.species:
        raise TrainingError(f"warm_start: expected the current model's species, {', '.join(card.species)}")
    for field in ("hidden_layers", "activation", "output", "standardize"):
        expected, found = (getattr(recipe, field) for recipe in (card.hyperparameters, hyperparameters))
        if expected != found:
            raise TrainingError(f"warm_start: expected the current model's {field}, {expected}, found {found}")
    return ancestor.artifact.network


def _card(
    fitted: Fit,
    parts: Split,
    hyperparameters: Hyperparameters,
    rows: int,
    circumstances: Circumstances,
    validated: CrossValidation | None,
) -> Card:
    training, network = parts.training, fitted.network
    ancestor = circumstances.ancestor if hyperparameters.warm_start else None
    return Card(
        format=FORMAT,
        species=training.species,
        layer_sizes=network.layer_sizes,
        feature_means=dict(zip(FEATURES, training.X.mean(axis=0).tolist(), strict=True)),
        feature_ranges=dict(zip(FEATURES, zip(*_extremes(training), strict=True), strict=True)),
        hyperparameters=hyperparameters,
        dataset=DatasetReference(training.name, rows, training.sha256),
        split_seed=circumstances.split_seed,
        ancestor=ancestor.version if ancestor else None,
        kept=fitted.kept,
        evaluation=Evaluations(
            evaluate(network, parts.training),
            evaluate(network, parts.validation),
            evaluate(network, parts.test),
            validated,
        ),
        self_test=_self_test(network, training),
    )


def _extremes(training: Dataset) -> tuple[list[float], list[float]]:
    return training.X.min(axis=0).tolist(), training.X.max(axis=0).tolist()


def _self_test(network: Network, training: Dataset) -> SelfTest:
    flower = training.X[0]
    return SelfTest(tuple(flower.tolist()), tuple(network.scores(flower).tolist()))
