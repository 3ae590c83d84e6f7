"""Everything that an operator can set, by environment variables with the prefix IRIS_."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one service; its workers share them."""

    model_config = SettingsConfigDict(
        env_prefix="IRIS_", frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    artifacts: Path = Path("artifacts")
    """Directory of models, runs and the pointer to the current model."""

    data: Path = Path("data/Iris.csv")
    """Table that `/train` and the very first model learn from."""

    admin_token: Annotated[SecretStr | None, Field(min_length=8)] = None
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
    def _read_token(self) -> Self:
        if self.admin_token_file is not None and self.admin_token is not None:
            raise ValueError("set IRIS_ADMIN_TOKEN or IRIS_ADMIN_TOKEN_FILE, not both")
        return self

    def token(self) -> bytes | None:
        """The administrators' token, from wherever it is set; raises `OSError` if its file cannot be read."""
        if self.admin_token_file is not None:
            return self.admin_token_file.read_bytes().strip()
        return self.admin_token.get_secret_value().encode() if self.admin_token else None
