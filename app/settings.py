"""Everything that an operator can set, by environment variables with the prefix IRIS_."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

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

    training_timeout_seconds: Annotated[float, Field(gt=0)] = 300.0
    """A run that takes longer is ended and recorded as failed."""

    max_body_bytes: Annotated[int, Field(ge=1024)] = 2 * 2**20
    """Largest request body; more is answered 413."""

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
            return None if self.admin_token is None else self.admin_token.get_secret_value().encode()
        try:
            return self.admin_token_file.read_bytes().strip()
        except OSError as error:
            raise ValueError(f"IRIS_ADMIN_TOKEN_FILE cannot be read: {error.strerror}") from error
