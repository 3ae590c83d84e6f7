"""The stored versions of the network."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter

from app.dependencies import ChampionDep, StoreDep
from app.errors import NoModelError, problems
from model.artifact import Card
from model.store import created_at

router = APIRouter(prefix="/models", tags=["models"])


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


@router.get("", responses=problems(503))
def list_models(store: StoreDep, champion: ChampionDep) -> list[ModelSummary]:
    """Every stored version, newest first."""
    serving = champion.model.version if champion.model else None
    return [ModelSummary(version, created_at(version), version == serving) for version in store.versions()]


@router.get("/{version}", responses=problems(404, 500, 503))
def show_model(version: str, store: StoreDep, champion: ChampionDep) -> Model:
    """One version, or the one that serves: `current`."""
    serving = champion.model
    if version == "current":
        if serving is None:
            raise NoModelError
        return Model(serving.version, created_at(serving.version), current=True, card=serving.card)
    card = store.model(version).card
    return Model(version, created_at(version), current=bool(serving and serving.version == version), card=card)
