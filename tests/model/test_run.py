import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from model.artifact import Artifact, DatasetReference
from model.errors import HyperparameterError
from model.evaluation import EpochScore
from model.hyperparameters import (
    Activation,
    ClassWeight,
    CrossValidationPlan,
    Hyperparameters,
    InitialWeights,
    Optimizer,
    Output,
)
from model.run import (
    Policy,
    Progress,
    Run,
    Status,
    Verdict,
    advanced,
    begun,
    cancelled,
    failed,
    informed,
    queued,
    stored,
    succeeded,
    timestamp,
)

TABLE = DatasetReference("iris", 150, "0" * 64)
HISTORY = [EpochScore(epoch, 0.3, 0.5, 0.4, 0.6) for epoch in (1, 2, 3)]
GOOD = Verdict(promote=True, reason="Accuracy 0.957.")
BAD = Verdict(promote=False, reason="Accuracy 0.435; at least 0.9 is needed.")


def fresh() -> Run:
    return queued(Hyperparameters(epochs=10))


def under_way() -> Run:
    return informed(begun(fresh()), TABLE)


def is_now(moment: datetime | None) -> bool:
    return moment is not None and timedelta() <= datetime.now(UTC) - moment < timedelta(seconds=10)


def test_a_run_is_queued_with_its_recipe_and_nothing_done() -> None:
    run = fresh()
    assert run.status is Status.QUEUED
    assert is_now(run.created_at)
    assert run.progress == Progress(0, 10)
    assert (None, None, None, None) == (run.started_at, run.finished_at, run.dataset, run.evaluation)
    assert ((), None, False, None) == (run.history, run.model_version, run.promoted, run.reason)
    assert run.promote is Policy.IF_GOOD


@pytest.mark.parametrize("policy", list(Policy))
def test_a_run_remembers_through_all_its_records_when_its_model_shall_become_current(
    policy: Policy, small: Artifact
) -> None:
    run = queued(Hyperparameters(epochs=10), policy)
    done = succeeded(stored(informed(begun(run), TABLE), small.card, "a version"), GOOD)
    assert [policy] * 2 == [run.promote, done.promote]


def test_the_id_of_a_run_is_when_it_was_asked_for_and_sorts_so() -> None:
    runs = [fresh() for _ in range(20)]
    assert sorted(run.id for run in runs) == [run.id for run in runs]
    assert all(re.fullmatch(rf"{timestamp(run.created_at)}-[0-9a-f]{{8}}", run.id) for run in runs)


def test_a_begun_run_knows_its_beginning_and_not_yet_its_table() -> None:
    run = begun(fresh())
    assert run.status is Status.RUNNING
    assert is_now(run.started_at)
    assert run.dataset is None
    assert not run.ended


def test_an_informed_run_knows_its_table() -> None:
    before = begun(fresh())
    assert replace(before, dataset=TABLE) == informed(before, TABLE)


def test_an_advanced_run_has_done_some_epochs_and_knows_their_history() -> None:
    run = advanced(under_way(), HISTORY, 3)
    assert run.progress == Progress(3, 10)
    assert run.history == tuple(HISTORY)
    assert run.status is Status.RUNNING


def test_epochs_of_cross_validation_advance_a_run_and_leave_no_history() -> None:
    before = queued(Hyperparameters(epochs=10), cross_validation=CrossValidationPlan(folds=3, repeats=2))
    run = advanced(before, HISTORY, 25)
    assert run.progress == Progress(25, 70)
    assert run.history == tuple(HISTORY)


@pytest.mark.parametrize(
    ("hyperparameters", "plan", "epochs"),
    [
        (Hyperparameters(epochs=10, restarts=3), None, 30),
        (Hyperparameters(epochs=10, patience=2), CrossValidationPlan(), 60),
        (Hyperparameters(epochs=10, restarts=2), CrossValidationPlan(folds=4, repeats=3), 260),
    ],
)
def test_a_queued_run_knows_how_many_epochs_all_its_fits_may_take(
    hyperparameters: Hyperparameters, plan: CrossValidationPlan | None, epochs: int
) -> None:
    run = queued(hyperparameters, cross_validation=plan)
    assert run.progress == Progress(0, epochs)
    assert run.cross_validation == plan


def test_a_warm_start_cannot_be_cross_validated() -> None:
    with pytest.raises(HyperparameterError) as caught:
        queued(Hyperparameters(warm_start=True), cross_validation=CrossValidationPlan())
    assert "cross_validation: expected none with warm_start: the current model knows the rows" == str(caught.value)


def test_a_run_whose_model_is_stored_names_it_and_how_good_it_is_and_goes_on(small: Artifact) -> None:
    before = advanced(under_way(), HISTORY, 3)
    run = stored(before, small.card, "a version")
    assert replace(before, kept=small.card.kept, evaluation=small.card.evaluation, model_version="a version") == run
    assert (Status.RUNNING, False, None) == (run.status, run.promoted, run.reason)


@pytest.mark.parametrize("verdict", [GOOD, BAD], ids=["promoted", "not promoted"])
def test_a_succeeded_run_keeps_its_model_and_says_whether_it_became_current_and_why(
    small: Artifact, verdict: Verdict
) -> None:
    before = stored(advanced(under_way(), HISTORY, 3), small.card, "a version")
    run = succeeded(before, verdict)
    assert run.status is Status.SUCCEEDED
    assert is_now(run.finished_at)
    assert (verdict.promote, verdict.reason) == (run.promoted, run.reason)
    assert (small.card.evaluation, "a version") == (run.evaluation, run.model_version)
    assert (run.history, run.dataset, run.id) == (before.history, before.dataset, before.id)


def test_a_failed_run_says_why() -> None:
    run = failed(under_way(), "The disk is full.")
    assert run.status is Status.FAILED
    assert is_now(run.finished_at)
    assert "The disk is full." == run.reason
    assert (None, False, None) == (run.model_version, run.promoted, run.evaluation)


@pytest.mark.parametrize("before", [fresh(), under_way()], ids=["queued", "running"])
def test_a_cancelled_run_says_that_it_was(before: Run) -> None:
    run = cancelled(before)
    assert (Status.CANCELLED, "It was cancelled.") == (run.status, run.reason)
    assert is_now(run.finished_at)
    assert before.started_at == run.started_at
    assert (None, False, None) == (run.model_version, run.promoted, run.evaluation)


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        (Status.QUEUED, False),
        (Status.RUNNING, False),
        (Status.SUCCEEDED, True),
        (Status.FAILED, True),
        (Status.CANCELLED, True),
    ],
)
def test_a_run_has_ended_when_it_succeeded_failed_or_was_cancelled(status: Status, *, ended: bool) -> None:
    assert ended == replace(fresh(), status=status).ended


def test_each_change_makes_a_new_record_and_leaves_the_old_one(small: Artifact) -> None:
    run = fresh()
    before = msgspec.json.encode(run)
    begun(run)
    informed(run, TABLE)
    advanced(run, HISTORY, 3)
    stored(run, small.card, "a version")
    succeeded(run, GOOD)
    cancelled(run)
    failed(run, "no")
    assert before == msgspec.json.encode(run)


def test_a_record_is_the_same_after_json(small: Artifact) -> None:
    run = succeeded(stored(advanced(under_way(), HISTORY, 3), small.card, "a version"), GOOD)
    assert run == msgspec.json.decode(msgspec.json.encode(run), type=Run)


def test_a_record_of_every_choice_is_the_same_after_json() -> None:
    chosen = Hyperparameters(
        (3, 4),
        Activation.RELU,
        Output.SOFTMAX,
        InitialWeights.HE,
        Optimizer.ADAM,
        learning_rate=0.01,
        learning_rate_decay=0.5,
        batch_size=7,
        epochs=9,
        patience=3,
        l2=0.1,
        class_weight=ClassWeight.BALANCED,
        standardize=False,
        restarts=2,
        seed=11,
    )
    run = queued(chosen, Policy.NEVER, CrossValidationPlan(3, 4))
    assert run == msgspec.json.decode(msgspec.json.encode(run), type=Run)


def test_timestamps_go_to_the_microsecond() -> None:
    assert "20261103T010203000045Z" == timestamp(datetime(2026, 11, 3, 1, 2, 3, 45, tzinfo=UTC))
