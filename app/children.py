"""How the service starts the processes that do what it must not do itself."""

import multiprocessing
import os
import signal
import sys
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from threading import Timer
from typing import Final

from model.child import PRELOAD, yield_to_predictions

FORK_SERVER_ENDED: Final = 255  # what multiprocessing has for the exit status of a child of which it cannot be told
_SECONDS_TO_TELL = 0.5
_SECONDS_TO_START = 1.0
_SECONDS_TO_PREPARE = 120.0  # without a cache, a fork server compiles first
_prepared: set[int] = set()  # fork servers that have started somebody


def start_method() -> ForkServerContext | SpawnContext:
    """A fork server where there is one: it loads what training needs once, not for each child."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    # Training goes row by row: threads of the linear algebra would only cost memory, and hang at its limit.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context


def warm_up() -> None:
    """Start the fork server, if there is one, so that the first run need not wait for what it loads."""
    if isinstance(start_method(), ForkServerContext):
        forkserver.ensure_running()


def start(child: BaseProcess, timeout_seconds: float) -> None:
    """Start a child; raises `EOFError` if the fork server does not do so in time, or is ended meanwhile."""
    grace_seconds = _SECONDS_TO_START if _fork_server() in _prepared else _SECONDS_TO_PREPARE
    watchdog = Timer(timeout_seconds + grace_seconds, _end_fork_server)
    watchdog.start()
    try:
        child.start()
    finally:
        watchdog.cancel()
    _let_predictions_go_first()


def _let_predictions_go_first() -> None:
    """To fork and to bury takes milliseconds, too; to prepare may not wait, but that is done by now."""
    pid = _fork_server()
    if pid is not None:
        with suppress(ProcessLookupError):
            yield_to_predictions(pid)
        _prepared.add(pid)


def kill(child: BaseProcess | None) -> None:
    """End a child at once, for it may hang and not hear a kinder word; one that is only starting, with its starter."""
    with suppress(ValueError):  # it is closed
        if child and child.pid:
            child.kill()
            _hurry(child.pid)
            _hurry(_fork_server())
        elif child:
            _end_fork_server()


def bury(child: BaseProcess) -> None:
    """End a child, if it has not ended, and wait for that; the fork server tells of it, and may hang as well."""
    if child.is_alive():
        kill(child)
        child.join(_SECONDS_TO_TELL)
    if child.is_alive():
        _end_fork_server()
        child.join()
    child.close()


def _end_fork_server() -> None:
    """Its children end with it, and whoever waits for it hears of that; the next start makes a new one."""
    pid = _fork_server()
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            _hurry(pid)


def _hurry(pid: int | None) -> None:
    """To end is work, and to tell of it: who lets others go first does not come to that while they are busy."""
    if pid is not None and sys.platform == "linux":
        with suppress(OSError):  # it has ended by now
            os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))


def _fork_server() -> int | None:
    pid: int | None = vars(forkserver)["_forkserver"]._forkserver_pid  # noqa: SLF001 - multiprocessing tells nobody
    return pid
