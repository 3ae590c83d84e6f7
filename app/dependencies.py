"""What routes ask for, by type."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.champion import Champion
from app.inspector import Inspector
from app.monitoring import Monitor
from app.serving import ServingModel
from app.settings import Settings
from app.shutdown import Shutdown
from app.trainer import Trainer
from app.watches import Watches
from model.store import Store


@dataclass(frozen=True)
class Service:
    """The parts of one worker, wired together in `app.main`."""

    settings: Settings
    token: bytes | None
    store: Store
    monitor: Monitor
    champion: Champion
    trainer: Trainer
    shutdown: Shutdown
    inspector: Inspector
    watches: Watches


def service_of(request: Request) -> Service:
    """The parts of the worker that answers this request."""
    service: Service = request.app.state.service
    return service


# Async though they wait for nothing: FastAPI runs plain functions in a thread, which costs more than they do.


async def _store(request: Request) -> Store:
    return service_of(request).store


async def _monitor(request: Request) -> Monitor:
    return service_of(request).monitor


async def _champion(request: Request) -> Champion:
    return service_of(request).champion


async def _serving_model(request: Request) -> ServingModel:
    return service_of(request).champion.serving


async def _trainer(request: Request) -> Trainer:
    return service_of(request).trainer


async def _shutdown(request: Request) -> Shutdown:
    return service_of(request).shutdown


async def _watches(request: Request) -> Watches:
    return service_of(request).watches


async def _settings(request: Request) -> Settings:
    return service_of(request).settings


async def _inspector(request: Request) -> Inspector:
    return service_of(request).inspector


StoreDep = Annotated[Store, Depends(_store)]
MonitorDep = Annotated[Monitor, Depends(_monitor)]
ChampionDep = Annotated[Champion, Depends(_champion)]
ServingModelDep = Annotated[ServingModel, Depends(_serving_model)]
TrainerDep = Annotated[Trainer, Depends(_trainer)]
ShutdownDep = Annotated[Shutdown, Depends(_shutdown)]
WatchesDep = Annotated[Watches, Depends(_watches)]
SettingsDep = Annotated[Settings, Depends(_settings)]
InspectorDep = Annotated[Inspector, Depends(_inspector)]
