"""How the service starts the processes that do what it must not do itself."""

import multiprocessing
from multiprocessing.context import ForkServerContext, SpawnContext

from model.child import PRELOAD


def start_method() -> ForkServerContext | SpawnContext:
    """A fork server where there is one: it loads what training needs once, not for each child."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context
