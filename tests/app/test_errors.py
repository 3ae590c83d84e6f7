"""Whatever goes wrong is answered in one shape, and tells nothing of the inside."""

import logging

import pytest
from fastapi import FastAPI

from app.errors import install, problem
from app.schemas import ProblemField
from model.errors import ArtifactError, HyperparameterError, UnsafeFileError
from tests.app.conftest import in_process

SECRET = "inner-detail"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError(SECRET), 500),
        (ArtifactError(SECRET), 500),
        (UnsafeFileError(SECRET), 500),
        (OSError(28, SECRET), 503),
        (HyperparameterError("epochs", "expected from 1 to 10000"), 422),
    ],
)
def test_an_error_of_a_route_becomes_a_problem(error: Exception, status: int, caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    install(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    with caplog.at_level(logging.CRITICAL, "uvicorn.iris"), in_process(app) as client:
        response = client.get("/")

    assert status == response.status_code
    assert "application/problem+json" == response.headers["content-type"]
    assert SECRET not in response.text


def test_a_problem_has_the_shape_of_rfc_9457() -> None:
    response = problem(422, "Mend it.", [ProblemField(field="epochs", message="too many")])

    assert (
        b'{"type": "about:blank", "title": "Unprocessable Content", "status": 422, "detail": "Mend it.", '
        b'"errors": [{"field": "epochs", "message": "too many"}]}' == response.body
    )
