"""A training run from its record to its end. Whoever calls `perform` holds the store's training lock."""

import time
from collections.abc import Callable

from model.artifact import DatasetReference
from model.dataset import Dataset
from model.errors import ModelError
from model.evaluation import EpochScore
from model.pipeline import train
from model.run import Run, advanced, failed, started, succeeded
from model.store import Store
from model.training import Report, unheard

_SECONDS_BETWEEN_RECORDS = 0.1
_SHARE_OF_RECORDING = 0.1  # of the time, at most: the record of a long history takes longer to write


def perform(store: Store, run: Run, load: Callable[[], Dataset], report: Report = unheard) -> Run:
    """Train what a run asks for, make the model current and return the last record of the run.

    A table that cannot be used, a fit that cannot go on and a disk that refuses end the run as
    failed, with the reason; the model that served before goes on serving.
    """
    try:
        return _perform(store, run, load(), report)
    except (ModelError, OSError) as error:
        run = failed(run, _reason(error))
        store.save_run(run)
        return run


def _perform(store: Store, run: Run, dataset: Dataset, report: Report) -> Run:
    run = started(run, DatasetReference(dataset.name, len(dataset), dataset.sha256))
    store.save_run(run)
    recorder = _Recorder(store, run, report)
    model, history = train(dataset, run.hyperparameters, recorder)
    version = store.add_model(model)
    store.promote(version)
    run = succeeded(advanced(run, history), model.card.evaluation, version)
    store.save_run(run)
    return run


def _reason(error: ModelError | OSError) -> str:
    if isinstance(error, OSError):
        return f"The store cannot be written: {error.strerror or type(error).__name__}."
    return str(error)


class _Recorder:
    """Hears every epoch's score, passes it on, and keeps the record of the run fresh."""

    def __init__(self, store: Store, run: Run, report: Report) -> None:
        self._store, self._run, self._report = store, run, report
        self._history: list[EpochScore] = []
        self._next_record = time.monotonic() + _SECONDS_BETWEEN_RECORDS

    def __call__(self, score: EpochScore) -> None:
        self._history.append(score)
        self._report(score)
        began = time.monotonic()
        if began >= self._next_record:
            self._store.save_run(advanced(self._run, self._history))
            ended = time.monotonic()
            self._next_record = ended + max(_SECONDS_BETWEEN_RECORDS, (ended - began) / _SHARE_OF_RECORDING)
