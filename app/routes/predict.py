"""From measurements to species."""

from fastapi import APIRouter, Request

from app.dependencies import MonitorDep, ServingModelDep, service_of
from app.errors import problems
from app.guards import BodyRoute
from app.schemas import Batch, BatchPrediction, Flower, Prediction

router = APIRouter(
    prefix="/predict", tags=["predict"], route_class=BodyRoute, responses=problems(400, 413, 415, 422, 503)
)


# Not by the dependencies' aliases: resolving two of them takes as long as all the rest of this route.
@router.post("")
async def predict(flower: Flower, request: Request) -> Prediction:
    """Tell the species of one flower from its measurements in centimetres.

    Answers 503 while there is no model yet.
    """
    service = service_of(request)
    prediction = service.champion.serving.predict(flower.measurements())
    service.monitor.prediction(prediction)
    return prediction


# Not async: thousands of flowers take milliseconds, which is too long for the event loop.
@router.post("/batch")
def predict_batch(batch: Batch, model: ServingModelDep, monitor: MonitorDep) -> BatchPrediction:
    """Tell the species of up to 10,000 flowers, in their order, all by one model."""
    answer = model.predict_batch(batch.array())
    for prediction in answer.predictions:
        monitor.prediction(prediction)
    return answer
