"""How the service starts the processes that do what it must not do itself."""

import multiprocessing
import os
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, SpawnContext

from model.child import PRELOAD


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
