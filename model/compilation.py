"""Machine code from Python: how the loops of `kernel.py` are compiled."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from numba import config, njit
from numba.core import caching

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Array = TypeVar("_Array")

# Sums may be taken in any order and products fused, so that the processor can do several at once.
# NaN and infinity keep their meaning: by them a fit that has gone astray is known.
_OPTIONS: Final[dict[str, Any]] = {
    "fastmath": {"reassoc", "contract", "nsz"},
    "error_model": "numpy",
    "nogil": True,
}


# What is inlined comes from these too, but the compiler would look at the changes of `kernel.py` alone.
_NAMES: Final = ("compilation.py", "exponential.py", "kernel.py", "network.py", "state.py")
_SOURCES: Final = [Path(__file__).with_name(name) for name in _NAMES]


class _OfAllSources:
    """Has machine code made anew when any of the sources has changed."""

    def get_source_stamp(self) -> str:
        """Digest of the sources."""
        return hashlib.sha256(b"".join(source.read_bytes() for source in _SOURCES)).hexdigest()


class ChosenPlace(_OfAllSources, caching.UserProvidedCacheLocator):
    """Where NUMBA_CACHE_DIR says."""


class PlaceBesideSource(_OfAllSources, caching.InTreeCacheLocator):
    """In `__pycache__`."""


class PlaceOfUser(_OfAllSources, caching.UserWideCacheLocator):
    """In the user's cache."""


_PLACES: Final = ",".join(f"{__name__}.{place.__name__}" for place in (ChosenPlace, PlaceBesideSource, PlaceOfUser))


def compiled(function: _Function) -> _Function:
    """The function as machine code, made when it is first called and kept on disk beside the source.

    Where neither that directory nor the user's cache can be written, it is made anew in each
    process. Other threads of Python run while it runs.
    """
    config.CACHE_LOCATOR_CLASSES = _PLACES  # type: ignore[attr-defined] # numba makes it from the environment
    try:
        code: Any = njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # there is no place for the cache
        code = njit(**_OPTIONS)(function)
    return cast("_Function", code)


def compiled_for_numbers(function: Callable[[_Array], _Array]) -> Callable[[float], float]:
    """A function of arrays, element by element, as machine code for a single number."""
    return cast("Callable[[float], float]", inlined(function))


def inlined(function: _Function) -> _Function:
    """The function as a part of each compiled one that calls it.

    Only so does the compiler see which of its arguments are the same array, and only so is what
    comes from the cache the same code, and sums in the same order, as when it was compiled.
    """
    return cast("_Function", njit(inline="always", **_OPTIONS)(function))
