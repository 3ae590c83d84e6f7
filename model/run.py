"""The record of a training run: what was asked, how far it is, how it ended."""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from model.artifact import DatasetReference
from model.evaluation import EpochScore, Evaluation
from model.hyperparameters import Hyperparameters


class Status(StrEnum):
    """Where a run is; the last three are for good."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED: Final = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})


@dataclass(frozen=True)
class Progress:
    """Epochs done, of how many."""

    epoch: int
    epochs: int


@dataclass(frozen=True)
class RunSummary:
    """One training run in short."""

    id: str
    status: Status
    created_at: datetime
    hyperparameters: Hyperparameters
    progress: Progress
    started_at: datetime | None = None
    finished_at: datetime | None = None
    dataset: DatasetReference | None = None
    model_version: str | None = None
    promoted: bool = False
    reason: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the record will change no more."""
        return self.status in ENDED


@dataclass(frozen=True)
class Run(RunSummary):
    """One training run. Each change makes a new record that replaces the old one in the store."""

    history: tuple[EpochScore, ...] = ()
    evaluation: dict[str, Evaluation] | None = None


def queued(hyperparameters: Hyperparameters) -> Run:
    """The record of a run that has just been asked for; ids sort by the time of asking."""
    now = datetime.now(UTC)
    return Run(
        id=f"{timestamp(now)}-{secrets.token_hex(4)}",
        status=Status.QUEUED,
        created_at=now,
        hyperparameters=hyperparameters,
        progress=Progress(0, hyperparameters.epochs),
    )


def started(run: Run, dataset: DatasetReference) -> Run:
    """The record once its child has the table."""
    return replace(run, status=Status.RUNNING, started_at=datetime.now(UTC), dataset=dataset)


def advanced(run: Run, history: list[EpochScore]) -> Run:
    """The record after the epochs of the history."""
    progress = Progress(len(history), run.hyperparameters.epochs)
    return replace(run, history=tuple(history), progress=progress)


def succeeded(run: Run, evaluation: dict[str, Evaluation], model_version: str) -> Run:
    """The record of a run whose model serves."""
    return replace(
        run,
        status=Status.SUCCEEDED,
        finished_at=datetime.now(UTC),
        evaluation=evaluation,
        model_version=model_version,
        promoted=True,
        reason="It is the newest model.",
    )


def failed(run: Run, reason: str) -> Run:
    """The record of a run that ended without a model, and why."""
    return replace(run, status=Status.FAILED, finished_at=datetime.now(UTC), reason=reason)


def timestamp(moment: datetime) -> str:
    """UTC to the microsecond, fit for file names: 20261123T214000123456Z."""
    return moment.strftime("%Y%m%dT%H%M%S%fZ")
