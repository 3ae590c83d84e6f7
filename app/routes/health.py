"""For whoever keeps the service running."""

from fastapi import APIRouter, HTTPException

from app.dependencies import ServingModelDep, ShutdownDep
from app.errors import problems
from app.schemas import Health

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> Health:
    """200 while the process answers at all."""
    return Health("alive")


@router.get("/ready", responses=problems(503))
async def ready(model: ServingModelDep, shutdown: ShutdownDep) -> Health:
    """200 when a checked model has answered its self-test, else 503; 503 too when about to stop."""
    if shutdown.begun:
        raise HTTPException(503, "The service is about to stop.")
    return Health("ready", model.version)
