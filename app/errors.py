"""The only table from what went wrong to what is answered: exception -> status -> problem+json."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.exceptions import HTTPException

from app.inspector import UncheckedError
from app.schemas import ProblemBody, ProblemField
from app.watches import TooManyReadersError
from model.errors import (
    ArtifactError,
    DatasetError,
    HyperparameterError,
    NotStoredError,
    QueueFullError,
    TooManyDatasetsError,
    UnknownDatasetError,
    UnsafeFileError,
)

# A child of uvicorn's logger: its handler and level are there however the service is started.
log = logging.getLogger("uvicorn.iris")

_MAX_ERRORS = 20
_UNREADABLE_BODY = "The body is not JSON that can be read: send UTF-8 JSON that is not nested deeply."
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}  # Python before 3.13 has older phrases
_PHRASES = {  # where the framework's own words do not say how to mend it
    400: _UNREADABLE_BODY,
    404: "There is nothing here; GET /docs shows every route.",
    405: "The route does not know this method; the Allow header names those it does.",
}
_MENDS = {  # likewise, by pydantic's types of error
    "model_attributes_type": "Send a JSON object.",
    "string_unicode": "Send UTF-8; a lone surrogate is no character.",
    "extra_forbidden": "Remove the fields that do not belong here; GET /docs shows those that do.",
}


class ProblemResponse(Response):
    """A response in the shape of RFC 9457."""

    media_type = "application/problem+json"


class NoModelError(Exception):
    """There is no model to serve yet."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route declares of the errors it may answer."""
    content = {ProblemResponse.media_type: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
    return {status: {"description": _title(status), "content": content} for status in statuses}


def problem(
    status: int, detail: str, errors: Sequence[ProblemField] = (), headers: Mapping[str, str] | None = None
) -> ProblemResponse:
    """A problem as a response."""
    body = ProblemBody(title=_title(status), status=status, detail=detail, errors=list(errors))
    return ProblemResponse(json.dumps(body.model_dump()), status_code=status, headers=dict(headers or {}))


def _title(status: int) -> str:
    return _TITLES.get(status, HTTPStatus(status).phrase)


def install(app: FastAPI) -> None:
    """Answer everything that routes raise by the table below."""
    for exception, answer in _ANSWERS.items():
        app.add_exception_handler(exception, answer)  # type: ignore[arg-type]


async def _invalid(_: Request, error: RequestValidationError) -> Response:
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return problem(400, _UNREADABLE_BODY)
    fields = list(dict.fromkeys(_fields(found)))[:_MAX_ERRORS]
    return problem(422, "The request is not valid; see errors.", [ProblemField(field=f, message=m) for f, m in fields])


def _fields(found: Sequence[Any]) -> Iterator[tuple[str, str]]:
    for each in found:
        # The name of an unknown field is the caller's text: it is not said back.
        place = each["loc"][:-1] if each["type"] == "extra_forbidden" else each["loc"]
        yield _path(place), _MENDS.get(each["type"], each["msg"])


def _path(place: Sequence[str | int]) -> str:
    """("body", "flowers", 3, "petal_width") -> "flowers[3].petal_width"."""
    inner = place[1:]
    if not inner:
        return str(place[0])
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in inner).removeprefix(".")


async def _http(request: Request, error: HTTPException) -> Response:
    own_words = error.detail != HTTPStatus(error.status_code).phrase and error.status_code != 400
    detail = error.detail if own_words else _PHRASES.get(error.status_code, error.detail)
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return problem(error.status_code, detail, headers=headers)


def _allowed(request: Request) -> str:
    """Every method of the path: the framework names those of the first route that has it."""
    found: set[str] = set()
    for context in iter_route_contexts(request.app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.path_regex.match(request.url.path):
            found |= route.methods or set()
    if "GET" in found:
        found.add("HEAD")
    return ", ".join(sorted(found)) or "GET, HEAD"  # of a file of the page


async def _not_stored(_: Request, __: NotStoredError) -> Response:
    return problem(404, "There is none of that name; GET the list without a name to see what there is.")


async def _queue_full(_: Request, error: QueueFullError) -> Response:
    return problem(429, f"{error}; try again when one has ended.", headers={"Retry-After": "1"})


async def _hyperparameter(_: Request, error: HyperparameterError) -> Response:
    return problem(422, "The request is not valid; see errors.", [ProblemField(field=error.field, message=str(error))])


async def _dataset(_: Request, error: DatasetError) -> Response:
    found = [ProblemField(field=each.place or "table", message=each.message) for each in error.problems]
    return problem(422, "The table cannot be trained on; see errors.", found)


async def _unknown_dataset(_: Request, __: UnknownDatasetError) -> Response:
    message = "There is no dataset of that name; GET /datasets shows those that are."
    return problem(422, "The request is not valid; see errors.", [ProblemField(field="dataset", message=message)])


async def _too_many_datasets(_: Request, error: TooManyDatasetsError) -> Response:
    return problem(409, f"{error}; delete or replace one, or raise IRIS_MAX_DATASETS.")


async def _unchecked(_: Request, error: UncheckedError) -> Response:
    return problem(503, str(error), headers={"Retry-After": "5"})


async def _too_many_readers(_: Request, __: TooManyReadersError) -> Response:
    return problem(
        503, "Too many follow runs already; GET /train/{run_id} tells the same.", headers={"Retry-After": "5"}
    )


async def _no_model(_: Request, __: NoModelError) -> Response:
    return problem(503, "There is no model yet; one is being trained, or POST /train.", headers={"Retry-After": "1"})


async def _damaged(_: Request, error: Exception) -> Response:
    log.error("A stored model is damaged: %s", error)
    return problem(500, "The stored model is damaged.")


async def _store_refuses(_: Request, error: OSError) -> Response:
    log.error("The store cannot be used: %s", error)
    return problem(503, "The store cannot be used at the moment.", headers={"Retry-After": "5"})


async def _unexpected(_: Request, __: Exception) -> Response:
    return problem(500, "Something went wrong here; the service's log says what.")


_ANSWERS = {
    RequestValidationError: _invalid,
    HTTPException: _http,
    NotStoredError: _not_stored,
    QueueFullError: _queue_full,
    HyperparameterError: _hyperparameter,
    DatasetError: _dataset,
    UnknownDatasetError: _unknown_dataset,
    TooManyDatasetsError: _too_many_datasets,
    UncheckedError: _unchecked,
    TooManyReadersError: _too_many_readers,
    NoModelError: _no_model,
    ArtifactError: _damaged,
    UnsafeFileError: _damaged,
    OSError: _store_refuses,
    Exception: _unexpected,
}
