"""From measurements to species."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.dependencies import MonitorDep, ServingModelDep, service_of
from app.errors import problems
from app.guards import BodyRoute
from app.schemas import Batch, BatchPrediction, ExplainedPrediction, Flower, Prediction

router = APIRouter(
    prefix="/predict", tags=["predict"], route_class=BodyRoute, responses=problems(400, 413, 415, 422, 503)
)


Explain = Annotated[bool, Query(description="Whether to say also why.")]


# Not by the dependencies' aliases: resolving two of them takes as long as all the rest of this route.
@router.post("")
async def predict(flower: Flower, request: Request, *, explain: Explain = False) -> Prediction | ExplainedPrediction:
    """Tell the species of one flower from its measurements in centimetres.

    With `explain=true` the answer says also what each measurement has to do with it. Answers 503
    while there is no model yet.
    """
    service = service_of(request)
    model, measurements = service.champion.serving, flower.measurements()
    # Explaining follows the flower from the mean one in hundreds of steps: not on the event loop.
    prediction = await asyncio.to_thread(model.explain, measurements) if explain else model.predict(measurements)
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
