"""The record of a training run: what was asked, how far it is, how it ended."""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from model.artifact import Card, DatasetReference
from model.errors import HyperparameterError
from model.evaluation import EpochScore, Evaluations
from model.hyperparameters import CrossValidationPlan, Hyperparameters


class Status(StrEnum):
    """Where a run is; the last three are for good."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Policy(StrEnum):
    """When the model of a run becomes current."""

    IF_GOOD = "if_good"
    NEVER = "never"
    ALWAYS = "always"


@dataclass(frozen=True)
class Terms:
    """What holds for every run of a service.

    `table` is the built-in one; `min_accuracy` and `tolerance` are the gate's; `keep` is how many
    models and runs stay stored.
    """

    table: Path
    min_accuracy: float = 0.90
    tolerance: float = 0.05
    keep: int = 50
    max_memory_bytes: int = 4 * 2**30


ENDED: Final = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})


@dataclass(frozen=True)
class Progress:
    """Epochs done, of how many at most: those of all starts, and of cross-validation."""

    epoch: int
    epochs: int


@dataclass(frozen=True)
class Verdict:
    """Whether a model becomes current, and why."""

    promote: bool
    reason: str


@dataclass(frozen=True)
class RunSummary:
    """One training run in short."""

    id: str
    status: Status
    created_at: datetime
    hyperparameters: Hyperparameters
    progress: Progress
    promote: Policy = Policy.IF_GOOD
    started_at: datetime | None = None
    finished_at: datetime | None = None
    dataset: DatasetReference | None = None
    model_version: str | None = None
    promoted: bool = False
    reason: str | None = None
    cross_validation: CrossValidationPlan | None = None

    @property
    def ended(self) -> bool:
        """Whether the record will change no more."""
        return self.status in ENDED


@dataclass(frozen=True)
class Run(RunSummary):
    """One training run. Each change makes a new record that replaces the old one in the store."""

    history: tuple[EpochScore, ...] = ()
    kept: EpochScore | None = None
    evaluation: Evaluations | None = None


def queued(
    hyperparameters: Hyperparameters,
    promote: Policy = Policy.IF_GOOD,
    cross_validation: CrossValidationPlan | None = None,
) -> Run:
    """The record of a run that has just been asked for; ids sort by the time of asking.

    Raises `HyperparameterError` for a warm start with cross-validation: the current model knows the folds.
    """
    if hyperparameters.warm_start and cross_validation:
        raise HyperparameterError("cross_validation", "expected none with warm_start: the current model knows the rows")
    now = datetime.now(UTC)
    fits = 1 + (cross_validation.folds * cross_validation.repeats if cross_validation else 0)
    return Run(
        id=f"{timestamp(now)}-{secrets.token_hex(4)}",
        status=Status.QUEUED,
        created_at=now,
        hyperparameters=hyperparameters,
        progress=Progress(0, fits * hyperparameters.total_epochs),
        promote=promote,
        cross_validation=cross_validation,
    )


def begun(run: Run) -> Run:
    """The record of a run that a process has taken on."""
    return replace(run, status=Status.RUNNING, started_at=datetime.now(UTC))


def informed(run: Run, dataset: DatasetReference) -> Run:
    """The record once the table is read."""
    return replace(run, dataset=dataset)


def advanced(run: Run, history: list[EpochScore], epoch: int) -> Run:
    """The record after so many epochs, of which those of the history have left scores."""
    return replace(run, history=tuple(history), progress=replace(run.progress, epoch=epoch))


def stored(run: Run, card: Card, model_version: str) -> Run:
    """The record once the model is stored, whether it will serve or not."""
    return replace(run, kept=card.kept, evaluation=card.evaluation, model_version=model_version)


def succeeded(run: Run, verdict: Verdict) -> Run:
    """The record of a run whose model was stored and judged."""
    return replace(
        run,
        status=Status.SUCCEEDED,
        finished_at=datetime.now(UTC),
        promoted=verdict.promote,
        reason=verdict.reason,
    )


def cancelled(run: Run) -> Run:
    """The record of a run that nobody wants any more."""
    return replace(run, status=Status.CANCELLED, finished_at=datetime.now(UTC), reason="It was cancelled.")


def failed(run: Run, reason: str) -> Run:
    """The record of a run that ended without a model, and why."""
    return replace(run, status=Status.FAILED, finished_at=datetime.now(UTC), reason=reason)


def timestamp(moment: datetime) -> str:
    """UTC to the microsecond, fit for file names: 20261123T214000123456Z."""
    return moment.strftime("%Y%m%dT%H%M%S%fZ")
