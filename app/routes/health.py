"""For whoever keeps the service running."""

from fastapi import APIRouter

from app.dependencies import ServingModelDep
from app.errors import problems
from app.schemas import Health

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> Health:
    """200 while the process answers at all."""
    return Health("alive")


@router.get("/ready", responses=problems(503))
async def ready(model: ServingModelDep) -> Health:
    """200 when a checked model has answered its self-test, else 503."""
    return Health("ready", model.version)
