"""The time between being told to stop and refusing requests.

The server stops listening as soon as it hears a signal. So that a balancer can look away first,
the signal is taken before the server: the service says that it is not ready, ends its training,
and passes the signal on after a while.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], object]


class Shutdown:
    """Whether the service is to stop, and who wants to know as soon as it is."""

    def __init__(self, drain_seconds: float) -> None:
        self._drain_seconds = drain_seconds
        self._called: list[Callable[[], None]] = []
        self.begun = False

    def call(self, callback: Callable[[], None]) -> None:
        """Call back once when the service is told to stop."""
        self._called.append(callback)

    def begin(self) -> None:
        """The service is to stop; what is under way shall come to an end."""
        if not self.begun:
            self.begun = True
            for callback in self._called:
                callback()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear the signals to stop before the server does, for as long as this lasts.

        Only the main thread hears signals; in another one, as in tests, `begin` is called at the end.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            self.begin()
            return
        loop = asyncio.get_running_loop()
        served = {int(number): signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def heard(number: int, frame: FrameType | None) -> None:
            again = self.begun
            loop.call_soon_threadsafe(self.begin)
            delay = 0.0 if again else self._drain_seconds  # whoever asks twice does not want to wait
            loop.call_soon_threadsafe(loop.call_later, delay, _pass_on, served[number], number, frame)

        for number in served:
            signal.signal(number, heard)
        yield
        self.begin()
        for number, handler in served.items():
            signal.signal(number, handler)


def _pass_on(handler: object, number: int, frame: FrameType | None) -> None:
    if callable(handler):
        handler(number, frame)
