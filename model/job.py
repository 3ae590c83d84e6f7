"""A training run from its record to its end. Whoever calls `perform` holds the store's training lock."""

import time
from collections.abc import Callable
from contextlib import suppress

from model import exams
from model.artifact import Artifact, DatasetReference
from model.dataset import Dataset, parse_csv, read_csv
from model.errors import ModelError, NotStoredError, UnrecordedError
from model.evaluation import EpochScore
from model.gate import judge
from model.incumbent import incumbent
from model.pipeline import Circumstances, train
from model.run import Policy, Run, Terms, Verdict, advanced, informed, stored, succeeded
from model.store import Store
from model.training import Report, unheard

_SECONDS_BETWEEN_RECORDS = 0.1
_SHARE_OF_RECORDING = 0.1  # of the time, at most: the record of a long history takes longer to write


def table_of(store: Store, run: Run, terms: Terms) -> Dataset:
    """The table that a run learns from: its own as it was when the run was queued, or the built-in one."""
    if run.dataset is None:
        return read_csv(terms.table)
    return parse_csv(store.tables.read(run.dataset.sha256), run.dataset.name, source=run.dataset.name)


def perform(store: Store, run: Run, load: Callable[[], Dataset], terms: Terms, report: Report = unheard) -> Run:
    """Train what a begun run asks for, judge the model, and return the last record of the run.

    A table that cannot be used, a fit that cannot go on, too little memory and a disk that refuses
    end the run as failed, with the reason; the model that served before goes on serving.
    Raises `UnrecordedError` with the reason if the disk refuses the record of that too.
    """
    try:
        run = _perform(store, run, load(), terms, report)
        store.save_run(run)
    except (ModelError, OSError, MemoryError) as error:
        run = _close(store, run, failure(error, terms))
    with suppress(OSError):  # what cannot be deleted now is deleted after the next run
        store.prune(terms.keep)
    return run


def _close(store: Store, run: Run, reason: str) -> Run:
    """Record the end of a run that broke off; its last record may know more than this one."""
    try:
        with suppress(NotStoredError):
            run = store.run(run.id)
        return store.close(run, reason)
    except OSError as error:
        raise UnrecordedError(reason, error) from error


def _perform(store: Store, run: Run, dataset: Dataset, terms: Terms, report: Report) -> Run:
    current = incumbent(store)
    # A table of the caller's own may hold the rows that its model is examined on.
    standing = exams.standing(store, run, dataset, current, terms.table)
    run = informed(run, DatasetReference(dataset.name, len(dataset), dataset.sha256))
    store.save_run(run)
    circumstances = Circumstances(
        held_back=tuple(standing),
        ancestor=current if run.hyperparameters.warm_start else None,
        cross_validation=run.cross_validation,
    )
    model, history = train(dataset, run.hyperparameters, _Recorder(store, run, report), circumstances)
    version = store.add_model(model)
    run = stored(advanced(run, history, run.progress.epochs), model.card, version)
    store.save_run(run)
    verdict = _verdict(store, run, model, standing, dataset, terms)
    if verdict.promote:
        store.promote(version, run.id)
    return succeeded(run, verdict)


def _verdict(
    store: Store, run: Run, model: Artifact, standing: list[Dataset], dataset: Dataset, terms: Terms
) -> Verdict:
    if run.promote is Policy.IF_GOOD:
        current = incumbent(store, besides=run.model_version)
        own = exams.own(dataset, standing)
        return judge(model, current.artifact if current else None, standing, terms, own)
    wanted = run.promote is Policy.ALWAYS
    return Verdict(wanted, f"It was asked {'' if wanted else 'not '}to become current, however good it is.")


def failure(error: ModelError | OSError | MemoryError, terms: Terms) -> str:
    """Why a run failed, for people."""
    if isinstance(error, MemoryError):
        return f"It needed more memory than the {terms.max_memory_bytes // 2**20} MiB that it may take."
    if isinstance(error, UnrecordedError):
        return error.reason
    if isinstance(error, OSError):
        return f"The store cannot be written: {error.strerror or type(error).__name__}."
    return str(error)


class _Recorder:
    """Hears every epoch's score, passes it on, and keeps the record of the run fresh."""

    def __init__(self, store: Store, run: Run, report: Report) -> None:
        self._store, self._run, self._report = store, run, report
        self._history: list[EpochScore] = []
        self._epoch = 0
        self._next_record = time.monotonic() + _SECONDS_BETWEEN_RECORDS

    def __call__(self, score: EpochScore | None) -> None:
        self._epoch += 1
        if score:
            self._history.append(score)
        self._report(score)
        began = time.monotonic()
        if began >= self._next_record:
            self._store.save_run(advanced(self._run, self._history, self._epoch))
            ended = time.monotonic()
            self._next_record = ended + max(_SECONDS_BETWEEN_RECORDS, (ended - began) / _SHARE_OF_RECORDING)
