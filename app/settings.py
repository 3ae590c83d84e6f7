"""Everything that an operator can set, by environment variables with the prefix IRIS_."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from model.run import Terms
from model.tables import MAX_BYTES

MIN_TOKEN_BYTES = 8


class Settings(BaseSettings):
    """The settings of one service; its workers share them."""

    model_config = SettingsConfigDict(
        env_prefix="IRIS_", frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    artifacts: Path = Path("artifacts")
    """Directory of models, runs and the pointer to the current model."""

    data: Path = Path("data/Iris.csv")
    """Table that `/train` and the very first model learn from."""

    admin_token: SecretStr | None = None
    """Bearer token for `/train` and other changes; without one only local callers may make them."""

    admin_token_file: Path | None = None
    """File that holds the token instead, such as a mounted secret."""

    training_queue_size: Annotated[int, Field(ge=1, le=1000)] = 8
    """Runs that may wait behind the one that trains; more are answered 429."""

    training_timeout_seconds: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = 300.0
    """A run that takes longer is ended and recorded as failed."""

    training_memory_bytes: Annotated[int, Field(ge=2**30)] = 4 * 2**30
    """Address space that the process of a run may take; a run that needs more fails."""

    min_accuracy: Annotated[float, Field(ge=0, le=1)] = 0.90
    """Accuracy on rows held back that a new model needs to become current."""

    accuracy_tolerance: Annotated[float, Field(ge=0, le=1)] = 0.05
    """How much of the current model's accuracy a new one may lose and still become current."""

    keep_models: Annotated[int, Field(ge=2)] = 50
    """Models, and ended runs, that stay stored; the current model, its predecessor and their runs always do."""

    drain_seconds: Annotated[float, Field(ge=0, le=300)] = 0.5
    """How long requests are still taken after a signal to stop, while `/health/ready` answers 503."""

    max_body_bytes: Annotated[int, Field(ge=1024)] = 2 * 2**20
    """Largest request body; more is answered 413."""

    max_dataset_bytes: Annotated[int, Field(ge=1024, le=MAX_BYTES)] = 64 * 2**20
    """Largest table that `PUT /datasets/{name}` takes; more is answered 413."""

    upload_idle_seconds: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 30.0
    """How long an upload may pause; one that does longer is answered 408."""

    max_datasets: Annotated[int, Field(ge=1)] = 100
    """Tables of users that may be stored; more are answered 409."""

    page: bool = True
    """Whether `/` shows the page; `off` leaves the API alone."""

    @property
    def built_in(self) -> str:
        """The name of the built-in table."""
        return self.data.stem.lower()

    def terms(self) -> Terms:
        """What holds for every run."""
        return Terms(
            table=self.data,
            min_accuracy=self.min_accuracy,
            tolerance=self.accuracy_tolerance,
            keep=self.keep_models,
            max_memory_bytes=self.training_memory_bytes,
        )

    @model_validator(mode="after")
    def _check_token(self) -> Self:
        if self.admin_token_file is not None and self.admin_token is not None:
            raise ValueError("set IRIS_ADMIN_TOKEN or IRIS_ADMIN_TOKEN_FILE, not both")
        token = self.token()
        if token is not None and len(token) < MIN_TOKEN_BYTES:
            raise ValueError(f"the administrators' token has fewer than {MIN_TOKEN_BYTES} bytes")
        return self

    def token(self) -> bytes | None:
        """The administrators' token, from wherever it is set."""
        if self.admin_token_file is None:
            return None if self.admin_token is None else self.admin_token.get_secret_value().strip().encode()
        try:
            return self.admin_token_file.read_bytes().strip()
        except OSError as error:
            raise ValueError(f"IRIS_ADMIN_TOKEN_FILE cannot be read: {error.strerror}") from error
