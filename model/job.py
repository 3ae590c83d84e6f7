"""A training run from its record to its end. Whoever calls `perform` holds the store's training lock."""

import time
from collections.abc import Callable
from contextlib import suppress

from model.artifact import Artifact, DatasetReference
from model.dataset import Dataset, parse_csv, read_csv
from model.errors import ModelError, NotStoredError
from model.evaluation import EpochScore
from model.gate import judge
from model.pipeline import deal, train
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
    """
    try:
        run = _perform(store, run, load(), terms, report)
        store.save_run(run)
    except (ModelError, OSError, MemoryError) as error:
        run = _close(store, run, _reason(error, terms))
    with suppress(OSError):  # what cannot be deleted now is deleted after the next run
        store.prune(terms.keep)
    return run


def _close(store: Store, run: Run, reason: str) -> Run:
    """Record the end of a run that broke off; its last record may know more than this one."""
    with suppress(NotStoredError):
        run = store.run(run.id)
    return store.close(run, reason)


def _perform(store: Store, run: Run, dataset: Dataset, terms: Terms, report: Report) -> Run:
    # A table of the caller's own may hold the rows that its model is examined on.
    held_back = deal(read_csv(terms.table)).test if run.dataset else None
    run = informed(run, DatasetReference(dataset.name, len(dataset), dataset.sha256))
    store.save_run(run)
    model, history = train(dataset, run.hyperparameters, _Recorder(store, run, report), held_back=held_back)
    version = store.add_model(model)
    run = stored(advanced(run, history), model.card.evaluation, version)
    store.save_run(run)
    exams = [exam for exam in (held_back, deal(dataset).test) if exam]
    verdict = _verdict(store, run, model, exams, terms)
    if verdict.promote:
        store.promote(version, run.id)
    return succeeded(run, verdict)


def _verdict(store: Store, run: Run, model: Artifact, exams: list[Dataset], terms: Terms) -> Verdict:
    if run.promote is Policy.IF_GOOD:
        return judge(model, _current(store), exams, terms)
    wanted = run.promote is Policy.ALWAYS
    return Verdict(wanted, f"It was asked {'' if wanted else 'not '}to become current, however good it is.")


def _current(store: Store) -> Artifact | None:
    """The current model, if there is one that can still be compared with."""
    version = store.current()
    try:
        return store.model(version) if version else None
    except ModelError:
        return None


def _reason(error: ModelError | OSError | MemoryError, terms: Terms) -> str:
    if isinstance(error, MemoryError):
        return f"It needed more memory than the {terms.max_memory_bytes // 2**20} MiB that it may take."
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
