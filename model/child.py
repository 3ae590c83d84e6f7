"""The process that does one training run and ends.

Light to import, for the service names `train` without ever loading what training needs.
"""

import os
import signal
import sys
import threading
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Final

from model.run import Status
from model.store import Store

BUSY: Final = 75  # exit status of a child that had nothing to do: EX_TEMPFAIL
PRELOAD: Final = ["model.job"]  # what a fork server may load once for all children
_LOCK_TIMEOUT_SECONDS = 1.0


def train(root: Path, run_id: str, table: Path) -> None:
    """Do the run of that id on the table and record how it went; the target of a child process.

    Exits with status `BUSY` if somebody else trains or has begun this run. Dies with the process
    that started it.
    """
    from model.dataset import read_csv
    from model.job import perform

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends its children
    _die_with_parent()
    store = Store(root)
    with store.training(_LOCK_TIMEOUT_SECONDS) as mine:
        run = store.run(run_id)
        if not mine or run.status is not Status.QUEUED:
            sys.exit(BUSY)
        perform(store, run, lambda: read_csv(table))


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
