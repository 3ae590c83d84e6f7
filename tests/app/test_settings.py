"""What an operator can set, and cannot set wrongly."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app.settings import Settings


def test_every_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRIS_ARTIFACTS", "/somewhere")
    monkeypatch.setenv("IRIS_TRAINING_QUEUE_SIZE", "3")

    assert (Path("/somewhere"), 3) == (Settings().artifacts, Settings().training_queue_size)


def test_every_setting_is_documented() -> None:
    assert [] == [name for name, field in Settings.model_fields.items() if not field.description]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("training_queue_size", 0),
        ("training_timeout_seconds", 0),
        ("max_body_bytes", 1),
        ("admin_token", ""),
        ("admin_token", "short"),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({name: value})


def test_a_token_is_taken_from_its_file_without_the_line_end(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"a long token\n")

    assert b"a long token" == Settings(admin_token_file=file).token()


def test_without_a_token_there_is_none() -> None:
    assert Settings().token() is None


def test_an_empty_or_missing_token_file_is_refused_for_it_would_let_everybody_in(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    for name in ("empty", "missing"):
        with pytest.raises(ValidationError):
            Settings(admin_token_file=tmp_path / name)


def test_two_tokens_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"a long token\n")

    with pytest.raises(ValidationError, match="not both"):
        Settings(admin_token=SecretStr("another token"), admin_token_file=file)


def test_a_wrong_token_is_not_shown_in_the_error() -> None:
    with pytest.raises(ValidationError) as error:
        Settings(admin_token=SecretStr("hush"))

    assert "hush" not in str(error.value)
