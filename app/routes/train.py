"""Training runs: asking for one, and what became of it."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Response, Security

from app.dependencies import StoreDep, TrainerDep
from app.errors import problems
from app.guards import AdminRoute, bearer
from app.schemas import TrainingRequest
from model.run import Run, RunSummary, Status

router = APIRouter(prefix="/train", tags=["train"])
administration = APIRouter(prefix="/train", tags=["train"], route_class=AdminRoute, dependencies=[Security(bearer)])

Wait = Annotated[float, Query(ge=0, le=30, allow_inf_nan=False, description="Seconds to wait for the end of the run.")]
Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]


@administration.post(
    "",
    status_code=201,
    responses={
        **problems(400, 401, 403, 413, 415, 422, 429, 503),
        202: {"model": Run, "description": "The run goes on; ask for it at the Location."},
    },
)
async def train(
    response: Response, trainer: TrainerDep, recipe: TrainingRequest | None = None, wait: Wait = 2.0
) -> Run:
    """Train a network on the table of the service or on one of your own, and serve it if it passes the gate.

    The gate scores it on rows that it never trained on and that are the same for every run: it
    needs an accuracy of `IRIS_MIN_ACCURACY` and must not be worse than the current model by more
    than `IRIS_ACCURACY_TOLERANCE`. `promoted` and `reason` of the run tell what came of it.

    Answers 201 with the run if it ends within `wait` seconds (whatever its end: see its `status`),
    else 202; `Location` is the run's address either way. Answers 429 if too many runs wait.
    """
    recipe = recipe or TrainingRequest()
    run = await trainer.submit(recipe.run(), recipe.dataset)
    run = await trainer.result(run, wait)
    response.headers["Location"] = f"/train/{run.id}"
    response.status_code = 201 if run.ended else 202
    return run


@router.get("", responses=problems(422, 503))
def list_runs(store: StoreDep, limit: Limit = 20) -> Sequence[RunSummary]:
    """The newest runs first, in short; any worker knows the runs of all."""
    return store.runs(limit)


@router.get("/{run_id}", responses=problems(404, 503))
def show_run(run_id: str, store: StoreDep) -> Run:
    """One run: how far it is, its history by epochs, and how it ended."""
    return store.run(run_id)


@administration.delete(
    "/{run_id}",
    responses={
        **problems(401, 403, 404, 409, 503),
        202: {"model": Run, "description": "The run has not ended yet; that it shall is on record."},
    },
)
async def cancel_run(run_id: str, response: Response, trainer: TrainerDep) -> Run:
    """End a run that waits or trains, within a second; answers 409 if it has ended already.

    Answers 202 if whoever does the run has not ended it within five seconds.
    """
    run = await trainer.cancel(run_id)
    if not run.ended:
        response.status_code = 202
    if run.ended and run.status is not Status.CANCELLED:
        raise HTTPException(409, f"The run has ended already: it {run.status}.")
    return run
