"""The process that does one training run, or looks into one table, and ends.

Light to import, for the service names its targets without ever loading what training needs.
"""

import ctypes
import os
import resource
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from multiprocessing import connection, forkserver, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import msgspec

from model.errors import DatasetError, Problem
from model.run import Terms
from model.store import Store
from model.summary import Inspection, summarize

BUSY: Final = 75  # exit status of a child that had nothing to do: EX_TEMPFAIL
PRELOAD: Final = ["model.warm"]  # what a fork server may load once for all children
_LOCK_TIMEOUT_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def train(root: Path, run_id: str, terms: Terms, last_words: Connection) -> None:
    """Do the run of that id and record how it went; the target of a child process.

    Exits with status `BUSY` if somebody else trains or has begun this run. Why the run
    failed goes to `last_words` where the disk does not take it. Dies with the process that started it.
    """
    from model.job import failure, perform, table_of

    _confine(terms.max_memory_bytes)
    store = Store(root)
    try:
        with store.training(_LOCK_TIMEOUT_SECONDS) as mine:
            run = store.begin(run_id) if mine else None
            if run is None:
                sys.exit(BUSY)
            perform(store, run, partial(table_of, store, run, terms), terms)
    except (OSError, MemoryError) as error:
        with suppress(OSError):  # nobody listens
            last_words.send_bytes(failure(error, terms).encode())
        sys.exit(1)


def inspect(table: Path, name: str, max_memory_bytes: int, answer: Connection) -> None:
    """Check the table in a file and tell what came of it, an `Inspection`; the target of a child process.

    The answer is JSON: nothing that was made of a stranger's bytes is unpickled by the service.
    """
    from model.dataset import parse_csv

    _confine(max_memory_bytes)
    try:
        found = Inspection(summarize(parse_csv(table.read_bytes(), name, source=name)))
    except DatasetError as error:
        found = Inspection(problems=tuple(error.problems))
    except MemoryError:
        limit = f"the {max_memory_bytes // 2**20} MiB that a check may take"
        found = Inspection(problems=(Problem(f"to check it takes more memory than {limit}"),))
    answer.send_bytes(msgspec.json.encode(found))


def exhibit(root: Path, version: str, built_in: Path, max_memory_bytes: int, answer: Connection) -> None:
    """Tell the rows of a model's table as `Specimens`, or null if it is gone; the target of a child process."""
    from model.specimens import specimens_of

    _confine(max_memory_bytes)
    answer.send_bytes(msgspec.json.encode(specimens_of(Store(root), version, built_in)))


def _confine(max_memory_bytes: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends its children
    _die_with_parent()
    yield_to_predictions()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = max_memory_bytes if hard == resource.RLIM_INFINITY else min(max_memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def yield_to_predictions(process: int = 0) -> None:
    """Let whoever predicts go before a process, this one by default, where cores are few."""
    if sys.platform == "linux":
        # Being nice is not enough: a nice process is still left to finish its slice, some
        # milliseconds, when a prediction comes in; an idle one is not.
        os.sched_setscheduler(process, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.setpriority(os.PRIO_PROCESS, process, 19)


def _die_with_parent() -> None:
    """End when the process that started this one does, however it ends."""
    parent = parent_process()
    if parent is None:
        return
    if sys.platform == "linux":
        _die_with_fork_server()

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _die_with_fork_server() -> None:
    """Have the system kill this process when its own parent ends: one that is stopped cannot end itself.

    That parent is the fork server, which lives for as long as anybody holds the other end of a pipe: so that
    it ends with the service, this process lets go of it.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    fork_server = vars(forkserver)["_forkserver"]
    if fork_server._forkserver_alive_fd is not None:  # noqa: SLF001 - what multiprocessing hands to children, unasked
        os.close(fork_server._forkserver_alive_fd)  # noqa: SLF001
        fork_server._forkserver_alive_fd = None  # noqa: SLF001
