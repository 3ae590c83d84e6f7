"""Who serves: the current model, or where that is damaged, the one that takes its place."""

from typing import NamedTuple

from model.artifact import Artifact
from model.errors import ModelError
from model.store import Store


class Incumbent(NamedTuple):
    """A stored model under its version."""

    version: str
    artifact: Artifact


def heirs(store: Store) -> list[str]:
    """Versions in the order in which they may serve; none as long as nobody was chosen.

    The current one, then those that served before it, and only then those that never did, the
    newest first: among these are the ones that the gate has refused.
    """
    current = store.current()
    if current is None:
        return []
    return list(dict.fromkeys([current, *(reign.version for reign in store.succession()), *store.versions()]))


def incumbent(store: Store, besides: str | None = None) -> Incumbent | None:
    """The first of the heirs that is sound, if there is one; `besides` names one that does not count."""
    for version in heirs(store):
        try:
            if version != besides:
                return Incumbent(version, store.model(version))
        except ModelError:
            continue
    return None
