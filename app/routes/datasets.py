"""Tables of one's own to train on, beside the built-in one."""

import asyncio
import logging
import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import fastapi
from fastapi import APIRouter, Header, HTTPException, Request, Response, Security
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.dependencies import InspectorDep, SettingsDep, StoreDep, service_of
from app.errors import problems
from app.guards import AdminRoute, bearer, csv_within
from app.inspector import Inspector, UncheckedError
from app.settings import Settings
from model.errors import DatasetError, Problem
from model.store import Store
from model.summary import DatasetSummary
from model.tables import NAME

log = logging.getLogger("uvicorn.iris")

router = APIRouter(prefix="/datasets", tags=["datasets"])
administration = APIRouter(
    prefix="/datasets", tags=["datasets"], route_class=AdminRoute, dependencies=[Security(bearer)]
)

_CHUNK_BYTES = 2**16
_CSV: dict[str, Any] = {"text/csv": {"schema": {"type": "string"}}}

Name = Annotated[str, fastapi.Path(pattern=NAME, description="Small letters, digits, dashes and underscores.")]


class TableResponse(StreamingResponse):
    """The bytes of a table, to download; the file is closed however the answer ends."""

    media_type = "text/csv"

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(
            iter(partial(file.read, _CHUNK_BYTES), b""),
            headers={
                "Content-Length": str(os.fstat(file.fileno()).st_size),
                # A browser shall not take a stranger's bytes for a page of this service.
                "Content-Disposition": "attachment",
                "X-Content-Type-Options": "nosniff",
            },
        )
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the bytes."""
        with self._file:
            await super().__call__(scope, receive, send)


@router.get("", responses=problems(503))
async def list_datasets(store: StoreDep, inspector: InspectorDep, settings: SettingsDep) -> list[DatasetSummary]:
    """Every table that can be trained on, the built-in one first, the others by name."""
    stored = await asyncio.to_thread(store.tables.datasets)
    return [*await _built_in(inspector), *(each for each in stored if each.name != settings.built_in)]


async def _built_in(inspector: Inspector) -> list[DatasetSummary]:
    try:
        return [await inspector.built_in()]
    except UncheckedError as error:
        log.warning("%s It is not listed.", error)
        return []


@router.get("/{name}", response_model=DatasetSummary, responses={**problems(404, 503), 200: {"content": _CSV}})
async def show_dataset(
    name: str, store: StoreDep, inspector: InspectorDep, settings: SettingsDep, accept: Annotated[str, Header()] = "*/*"
) -> Response | DatasetSummary:
    """What a table holds; with `Accept: text/csv` the table itself, byte by byte as it came."""
    if "text/csv" in accept:
        return TableResponse(await asyncio.to_thread(_open, name, store, settings))
    if name == settings.built_in:
        return await inspector.built_in()
    return await asyncio.to_thread(store.tables.dataset, name)


def _open(name: str, store: Store, settings: Settings) -> BinaryIO:
    return settings.data.open("rb") if name == settings.built_in else store.tables.open(name)


@administration.put(
    "/{name}",
    status_code=201,
    responses={
        **problems(401, 403, 408, 409, 413, 415, 422, 503),
        200: {"model": DatasetSummary, "description": "It replaces the table that had the name."},
    },
    openapi_extra={"requestBody": {"content": _CSV, "required": True}},
)
async def put_dataset(name: Name, request: Request, response: Response) -> DatasetSummary:
    """Store a table to train on under a name of your choice, once all of it is checked.

    CSV in UTF-8 with the columns `SepalLengthCm`, `SepalWidthCm`, `PetalLengthCm`, `PetalWidthCm`
    (or `sepal_length` ...) in centimetres and `Species`, in any order; `Id` is optional. Two species
    or more, of five rows or more each; any species. Answers 422 with up to 20 problems, each with
    its row and column.
    """
    service = service_of(request)
    _refuse_built_in(name, service.settings.built_in)
    upload = csv_within(request, service.settings.max_dataset_bytes, service.settings.upload_idle_seconds)
    # The draft is not opened in a thread: one that is cancelled would leave it behind.
    with service.store.tables.draft() as draft:
        await _receive(upload, draft, name)
        summary = await service.inspector.inspect(Path(draft.name), name)
        new = await asyncio.to_thread(service.store.tables.put, summary, draft, service.settings.max_datasets)
    response.status_code = 201 if new else 200
    return summary


async def _receive(upload: Request, draft: BinaryIO, name: str) -> None:
    try:
        async for chunk in upload.stream():
            await asyncio.to_thread(draft.write, chunk)
    except ClientDisconnect as gone:
        raise DatasetError(name, [Problem("the body broke off before its end")]) from gone
    await asyncio.to_thread(draft.flush)


@administration.delete("/{name}", status_code=204, response_class=Response, responses=problems(401, 403, 404, 409, 503))
def delete_dataset(name: str, store: StoreDep, settings: SettingsDep) -> None:
    """Delete a table; runs that wait for it or train on it keep it until they end."""
    _refuse_built_in(name, settings.built_in)
    store.tables.delete(name)


def _refuse_built_in(name: str, built_in: str) -> None:
    if name == built_in:
        raise HTTPException(409, "The built-in table is not changed; choose another name, or set IRIS_DATA.")
