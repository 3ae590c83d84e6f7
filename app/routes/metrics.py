"""What the service counts and how good its model is."""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from prometheus_client.exposition import choose_encoder

from app.dependencies import ChampionDep, MonitorDep
from app.schemas import MetricsBody

router = APIRouter(prefix="/metrics", tags=["metrics"])

_TEXT = {"text/plain": {"schema": {"type": "string"}, "example": 'iris_predictions_total{species="Iris-setosa"} 1.0'}}


@router.get("", response_model=MetricsBody, responses={200: {"content": _TEXT}})
def metrics(
    champion: ChampionDep, monitor: MonitorDep, accept: Annotated[str, Header()] = "*/*"
) -> Response | MetricsBody:
    """Prometheus text; with `Accept: application/json` the current model's evaluation and the counters."""
    model = champion.model
    if _wants_json(accept):
        return MetricsBody(
            model_version=model.version if model else None,
            evaluation=model.card.evaluation if model else None,
            counters=monitor.counters(),
        )
    encode, content_type = choose_encoder(accept)
    return Response(encode(monitor.registry(model)), media_type=content_type)


def _wants_json(accept: str) -> bool:
    ranges = (part.lower().replace(" ", "").partition(";") for part in accept.split(","))
    return any(name == "application/json" and quality not in {"q=0", "q=0.0"} for name, _, quality in ranges)
