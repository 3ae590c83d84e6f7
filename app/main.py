"""The wiring of one worker, in one place."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.staticfiles import StaticFiles

from app import errors
from app.champion import Champion
from app.children import warm_up
from app.dependencies import Service
from app.head import HeadMiddleware
from app.inspector import Inspector
from app.monitoring import UNMATCHED, Monitor, MonitoringMiddleware
from app.openapi import describe
from app.routes import datasets, docs, events, health, metrics, models, page, predict, train
from app.settings import Settings
from app.shutdown import Shutdown
from app.trainer import Trainer
from app.watches import Watches
from model.errors import ModelError
from model.store import Store

log = logging.getLogger("uvicorn.iris")

_DESCRIPTION = """
Tells the species of an iris flower from four measurements, by a neural network written from scratch.

Errors are `application/problem+json` (RFC 9457), all in one shape.
"""


def create_app(settings: Settings) -> FastAPI:
    """The service as one worker runs it; nothing is read or started before its lifespan begins."""
    service = _service(settings)
    app = FastAPI(
        title="Iris",
        version="1.1.0",
        description=_DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    for router in (
        predict.router,
        train.administration,
        train.router,
        events.router,
        models.administration,
        models.router,
        datasets.administration,
        datasets.router,
        metrics.router,
        health.router,
        docs.router,
    ):
        app.include_router(router)
    if settings.page:
        app.include_router(page.router)
    app.mount(docs.ASSETS, StaticFiles(packages=[("fastapi_swagger", "resources")]))
    app.add_middleware(MonitoringMiddleware, monitor=service.monitor, shutdown=service.shutdown)
    app.add_middleware(HeadMiddleware)
    errors.install(app)
    _show_series_at_zero(app, service.monitor)
    app.openapi = partial(describe, app)  # type: ignore[method-assign] # FastAPI's documented way
    return app


def _service(settings: Settings) -> Service:
    store = Store(settings.artifacts)
    monitor = Monitor()
    champion = Champion(store, monitor)
    trainer = Trainer(settings, store, champion, monitor)
    shutdown = Shutdown(settings.drain_seconds)
    inspector, watches = Inspector(settings, store), Watches(store)
    return Service(settings, settings.token(), store, monitor, champion, trainer, shutdown, inspector, watches)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    await asyncio.to_thread(_recover, service)
    working = asyncio.create_task(service.trainer.work())
    following = asyncio.create_task(service.champion.follow())
    service.shutdown.call(service.trainer.close)
    service.shutdown.call(service.watches.close)
    with service.shutdown.listening():
        await asyncio.to_thread(warm_up)
        if service.champion.model is None:
            await _train_first(service)
        yield
    service.inspector.close()
    following.cancel()
    await working
    with suppress(asyncio.CancelledError):
        await following


def _recover(service: Service) -> None:
    """Clean up after a crash, and load what it has left."""
    try:
        service.store.sweep()
        with service.store.training(timeout_seconds=0, told=service.monitor.run_ended):
            pass  # holding the lock for a moment closes the records of runs that nobody trains
    except OSError as error:
        log.warning("The store cannot be written: %s. Predictions are served, training is not.", error)
    service.champion.refresh()


async def _train_first(service: Service) -> None:
    try:
        await service.trainer.first_model()
    except (ModelError, OSError) as error:
        log.error("The first model cannot be trained: %s", error)
    if service.champion.model is None:
        log.error("There is no model: /predict answers 503 until a training run succeeds.")


def _show_series_at_zero(app: FastAPI, monitor: Monitor) -> None:
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            for method in route.methods or ():
                declared = (status for status in route.responses if isinstance(status, int))
                monitor.expect_request(method, route.path, {route.status_code or 200, *declared})
    monitor.expect_request("GET", UNMATCHED, {404})


app = create_app(Settings())
