"""The model that serves: loaded wholly, checked, and only then swapped in."""

import asyncio
import logging
import threading

from app.errors import NoModelError
from app.monitoring import Monitor
from app.serving import ServingModel
from model.errors import ModelError
from model.store import Store

log = logging.getLogger("uvicorn.iris")

_SECONDS_BETWEEN_LOOKS = 0.5


class Champion:
    """Holds the model that serves and follows the store's pointer to it."""

    def __init__(self, store: Store, monitor: Monitor) -> None:
        self._store = store
        self._monitor = monitor
        self._refreshing = threading.Lock()
        self._refused: str | None = None
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
        return self._refused

    def refresh(self) -> None:
        """Look at the pointer and swap if it has moved; blocks, so not for the event loop.

        A current model that is damaged leaves the last one serving; where there is none yet, the
        newest sound one of the store serves in its place.
        """
        with self._refreshing:
            version = self._store.current()
            if version is None or version == self._refused or (self._model and version == self._model.version):
                return
            refusal = self._swap(version)
            # A disk may recover, damaged bytes do not: those are looked at once.
            self._refused = version if isinstance(refusal, ModelError) else None
            if refusal and self._model is None:
                any(self._swap(other) is None for other in self._store.versions() if other != version)

    def _swap(self, version: str) -> ModelError | OSError | None:
        """Serve a version, or say why not."""
        try:
            model = ServingModel(version, self._store.model(version))
        except (ModelError, OSError) as error:
            log.error("Model %s is refused: %s", version, error)
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
