"""What can go wrong below HTTP. Every message says what was expected and what was found."""

from dataclasses import dataclass


class ModelError(Exception):
    """Base of every error that `model` raises on purpose."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a table; rows count from 1, the header being row 1."""

    message: str
    row: int | None = None
    column: str | None = None

    @property
    def place(self) -> str:
        """Row and column, as far as they are known."""
        row = [f"row {self.row}"] if self.row else []
        return ", ".join([*row, f"column {self.column}"] if self.column else row)

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class DatasetError(ModelError):
    """A table that cannot be trained on."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.source = source
        self.problems = problems
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{source}: {problems[0]}{more}")


class HyperparameterError(ModelError):
    """A hyperparameter outside of its range."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(f"{field}: {message}")


class TrainingError(ModelError):
    """A fit that cannot go on."""


class ArtifactError(ModelError):
    """Bytes that are not a sound artifact."""


class NotStoredError(ModelError):
    """The store holds nothing of that name."""


class UnrecordedError(OSError):
    """The disk does not take the record of why a run failed; the reason is kept here."""

    def __init__(self, reason: str, refusal: OSError) -> None:
        self.reason = reason
        super().__init__(refusal.errno, reason, refusal.filename)


class QueueFullError(ModelError):
    """As many runs wait as are allowed to."""


class UnknownDatasetError(ModelError):
    """A run asks for a dataset that is not there."""


class TooManyDatasetsError(ModelError):
    """As many datasets are stored as are allowed to."""


class UnsafeFileError(ModelError):
    """A file in the store that no writer of ours has put there."""
