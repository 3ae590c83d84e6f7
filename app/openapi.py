"""The description of the API, as it really answers."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.schemas import ProblemBody

_REF = "#/components/schemas/{model}"
_FRAMEWORK_ERRORS = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> dict[str, Any]:
    """OpenAPI of the app, without the errors that FastAPI would answer if we let it."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"] = _ours(operation["responses"])
        schemas = schema["components"]["schemas"]
        problem = ProblemBody.model_json_schema(ref_template=_REF)
        schemas |= {**problem.pop("$defs"), ProblemBody.__name__: problem}
        for name in _FRAMEWORK_ERRORS:
            schemas.pop(name, None)
        app.openapi_schema = schema
    return app.openapi_schema


def _ours(responses: dict[str, Any]) -> dict[str, Any]:
    return {status: response for status, response in responses.items() if _FRAMEWORK_ERRORS[0] not in str(response)}
