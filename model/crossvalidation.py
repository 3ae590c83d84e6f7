"""How good is a recipe? Repeated stratified k-fold cross-validation."""

from collections.abc import Iterator
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.dataset import VALIDATION_SHARE, Dataset, Split, draw_share
from model.errors import TrainingError
from model.evaluation import CrossValidation, accuracy, scores_of
from model.hyperparameters import CrossValidationPlan, Hyperparameters
from model.training import Report, fit, unheard

_Z: Final = NormalDist().inv_cdf(0.975)


def cross_validate(
    dataset: Dataset,
    hyperparameters: Hyperparameters,
    plan: CrossValidationPlan,
    seed: int,
    report: Report = unheard,
) -> CrossValidation:
    """Fit the recipe once for each fold of each repeat, to the other folds, and score it on that one.

    Of the other folds' rows the usual share is for validation. `seed` deals the rows. `report` is
    called with None for each epoch, also for those that a fit which stops early does without.

    Raises
    ------
    TrainingError
        If there are more folds than rows, or if a fit diverges.
    """
    if plan.folds > len(dataset):
        raise TrainingError(f"cross_validation: {plan.folds} folds need as many rows, and there are {len(dataset)}")
    rng = np.random.default_rng(seed)
    accuracies, right = [], 0.0
    for split in (split for _ in range(plan.repeats) for split in _splits(dataset, plan.folds, rng)):
        fitted = fit(split, hyperparameters, lambda _: report(None))
        for _ in range(hyperparameters.total_epochs - len(fitted.history)):
            report(None)
        accuracies.append(accuracy(scores_of(fitted.network, split.test.X), split.test.labels))
        right += accuracies[-1] * len(split.test)
    mean = right / (len(dataset) * plan.repeats)
    return CrossValidation(
        folds=plan.folds,
        repeats=plan.repeats,
        mean=mean,
        standard_deviation=float(np.std(accuracies, ddof=1)),
        interval=wilson_interval(mean, len(dataset)),
        accuracies=tuple(accuracies),
    )


def wilson_interval(share: float, rows: int) -> tuple[float, float]:
    """Where the true share lies with 95 % confidence, if that share of the rows was right.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", Journal
    of the American Statistical Association 22 (1927). Unlike the share plus and minus its standard
    error it stays within 0 and 1, and has a width even where all rows are right.
    """
    centre = (share + _Z**2 / (2 * rows)) / (1 + _Z**2 / rows)
    reach = _Z / (1 + _Z**2 / rows) * (share * (1 - share) / rows + _Z**2 / (4 * rows**2)) ** 0.5
    return max(centre - reach, 0.0), min(centre + reach, 1.0)


def _splits(dataset: Dataset, folds: int, rng: np.random.Generator) -> Iterator[Split]:
    """Each fold in turn as the test rows; the folds have each species in its proportion, to one row."""
    shuffled = rng.permutation(len(dataset))
    by_species = shuffled[np.argsort(dataset.labels[shuffled], kind="stable")]
    for first in range(folds):
        test = by_species[first::folds]
        rest = shuffled[_outside(test, len(dataset))[shuffled]]
        training, validation = draw_share(rest, dataset, VALIDATION_SHARE)
        yield Split(dataset.take(training), dataset.take(validation), dataset.take(test))


def _outside(rows: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    outside = np.ones(count, dtype=bool)
    outside[rows] = False
    return outside
