"""The stored versions of the network, and which of them serves."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, HTTPException, Response, Security

from app.champion import Champion
from app.dependencies import ChampionDep, InspectorDep, StoreDep
from app.errors import problems
from app.guards import AdminRoute, bearer
from model.artifact import Card
from model.store import created_at
from model.succession import Reign
from model.summary import Specimens

router = APIRouter(prefix="/models", tags=["models"])
administration = APIRouter(prefix="/models", tags=["models"], route_class=AdminRoute, dependencies=[Security(bearer)])


@dataclass(frozen=True)
class ModelSummary:
    """One stored version, and whether it serves."""

    version: str
    created_at: datetime
    current: bool


@dataclass(frozen=True)
class Model(ModelSummary):
    """One stored version with its card: what it is, what it was trained on, how good it is."""

    card: Card


@dataclass(frozen=True)
class Models:
    """Every stored version, newest first, and who served since when, the one that serves first."""

    models: list[ModelSummary]
    succession: list[Reign]


class ArtifactResponse(Response):
    """The bytes of an artifact, to download."""

    media_type = "application/octet-stream"


@router.get("", responses=problems(503))
def list_models(store: StoreDep, champion: ChampionDep) -> Models:
    """Every stored version, newest first, and the line of succession."""
    serving = _serving(champion)
    models = [ModelSummary(version, created_at(version), version == serving) for version in store.versions()]
    return Models(models, store.succession())


@router.get("/{version}", responses=problems(404, 500, 503))
def show_model(version: str, store: StoreDep, champion: ChampionDep) -> Model:
    """One version, or the one that serves: `current`."""
    serving = _serving(champion)
    if version == "current":
        model = champion.serving
        return Model(model.version, created_at(model.version), current=True, card=model.card)
    card = store.model(version).card
    return Model(version, created_at(version), current=version == serving, card=card)


@router.get("/{version}/artifact", response_class=ArtifactResponse, responses=problems(404, 500, 503))
def download_model(version: str, store: StoreDep) -> Response:
    """The artifact of a version, byte by byte: its network in the format safetensors, its card in the metadata."""
    return ArtifactResponse(
        store.model_bytes(version),
        headers={
            "Content-Disposition": f'attachment; filename="{version}.safetensors"',
            "Cache-Control": "public, max-age=31536000, immutable",
        },
    )


@router.get("/{version}/rows", responses=problems(404, 500, 503))
async def show_rows(version: str, store: StoreDep, inspector: InspectorDep) -> Specimens:
    """Rows of the table that a version has learned from: the part that each played, and what the network makes of it.

    All rows of a table of up to 1,000, of a longer one as many drawn at random. Answers 404 also if
    the table is not stored any more.
    """
    await asyncio.to_thread(store.model, version)
    found = await inspector.specimens(version)
    if found is None:
        raise HTTPException(404, "The table that the model has learned from is not stored any more.")
    return found


@administration.post("/{version}/promote", responses=problems(401, 403, 404, 500, 503))
async def promote_model(version: str, store: StoreDep, champion: ChampionDep) -> Model:
    """Make a stored version current, on all workers within a second: a rollback, or a model that the gate held.

    `current` tells whether this worker serves it by now.
    """
    card = (await asyncio.to_thread(store.model, version)).card
    await asyncio.to_thread(store.promote, version)
    serving = await asyncio.to_thread(_serving, champion)
    return Model(version, created_at(version), current=version == serving, card=card)


def _serving(champion: Champion) -> str | None:
    """The version that serves now, and not only until this worker's next look at the pointer."""
    champion.refresh()
    return champion.model.version if champion.model else None
