"""The model that serves: loaded wholly, checked, and only then swapped in."""

import asyncio
import logging
import threading

from app.errors import NoModelError
from app.monitoring import Monitor
from app.serving import ServingModel
from model.errors import ModelError
from model.incumbent import heirs
from model.store import Store

log = logging.getLogger("uvicorn.iris")

_SECONDS_BETWEEN_LOOKS = 0.5


class Champion:
    """Holds the model that serves and follows the store's pointer to it."""

    def __init__(self, store: Store, monitor: Monitor) -> None:
        self._store = store
        self._monitor = monitor
        self._refreshing = threading.Lock()
        self._refused: tuple[str, tuple[int, int]] | None = None
        self._model: ServingModel | None = None

    @property
    def model(self) -> ServingModel | None:
        """The model that serves, if there is one yet; take it once for an answer."""
        return self._model

    @property
    def serving(self) -> ServingModel:
        """The model that serves; raises `NoModelError` if there is none."""
        if self._model is None:
            raise NoModelError
        return self._model

    @property
    def refused(self) -> str | None:
        """The version that the pointer names but that is too damaged to serve."""
        return self._refused[0] if self._refused else None

    def refresh(self) -> None:
        """Look at the pointer and swap if it has moved; blocks, so not for the event loop.

        A current model that is damaged leaves the last one serving; where there is none yet, the
        first sound one of its heirs serves in its place.
        """
        with self._refreshing:
            version = self._store.current()
            if version is None or (self._model and version == self._model.version):
                return
            tried = version, self._store.model_stamp(version)
            if tried == self._refused:
                return
            refusal = self._swap(version)
            # A disk and memory may recover, damaged bytes do not: those are looked at once, until others are there.
            self._refused = tried if isinstance(refusal, ModelError) else None
            if refusal and self._model is None:
                any(self._swap(other) is None for other in heirs(self._store) if other != version)

    def _swap(self, version: str) -> ModelError | OSError | MemoryError | None:
        """Serve a version, or say why not."""
        try:
            model = ServingModel(version, self._store.model(version))
        except (ModelError, OSError, MemoryError) as error:
            log.error("Model %s is refused: %s", version, str(error) or type(error).__name__)
            self._monitor.model_load_failures.inc()
            return error
        self._monitor.expect_species(model.card.species)
        self._model = model
        log.info("Model %s serves.", version)
        return None

    async def follow(self) -> None:
        """Refresh twice a second until cancelled."""
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
            try:
                await asyncio.to_thread(self.refresh)
            except (ModelError, OSError) as error:
                log.error("The pointer to the current model cannot be read: %s", error)
