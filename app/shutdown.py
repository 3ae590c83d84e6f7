"""The time between being told to stop and refusing requests.

The server stops listening as soon as it hears a signal, and hangs up on whoever does not wait for
an answer, though a request may be on its way. So that a balancer can look away first, the signal is
taken before the server: the service says that it is not ready, ends its training, after a while
listens no more, and passes the signal on when those who had come by then have been heard.
"""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

import uvicorn

_SECONDS_TO_BE_HEARD = 0.2
_accepting: set["asyncio.Task[object]"] = set()  # the loop itself holds no reference


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
            stop = partial(_pass_on, served[number], number, frame)
            if again:  # whoever asks twice does not want to wait
                loop.call_soon_threadsafe(stop)
            else:
                loop.call_soon_threadsafe(loop.call_later, self._drain_seconds, _stop_listening, served[number])
                loop.call_soon_threadsafe(loop.call_later, self._drain_seconds + _SECONDS_TO_BE_HEARD, stop)

        for number in served:
            signal.signal(number, heard)
        yield
        self.begin()
        for number, handler in served.items():
            signal.signal(number, handler)


def _stop_listening(handler: object) -> None:
    """Take those who have come so far; whoever comes later is refused before having asked anything."""
    server = getattr(handler, "__self__", None)
    if isinstance(server, uvicorn.Server):
        for listener in getattr(server, "servers", ()):  # none before it has started
            come = [connection for each in listener.sockets for connection in _waiting(each.fileno())]
            listener.close()
            for connection in come:
                _serve(server, connection)


def _waiting(listening: int) -> list[socket.socket]:
    """Connections that nobody has taken yet: the system would reset them, with what was asked on them."""
    come = []
    with socket.socket(fileno=os.dup(listening)) as listener, suppress(BlockingIOError):
        listener.setblocking(False)  # noqa: FBT003 - its name tells
        while True:
            come.append(listener.accept()[0])
    return come


def _serve(server: uvicorn.Server, connection: socket.socket) -> None:
    loop, config = asyncio.get_running_loop(), server.config

    def protocol() -> asyncio.Protocol:
        return config.http_protocol_class(  # type: ignore[call-arg] # as the server itself makes them
            config=config, server_state=server.server_state, app_state=server.lifespan.state, _loop=loop
        )

    task = loop.create_task(loop.connect_accepted_socket(protocol, connection, ssl=config.ssl))
    _accepting.add(task)
    task.add_done_callback(_accepting.discard)


def _pass_on(handler: object, number: int, frame: FrameType | None) -> None:
    if callable(handler):
        handler(number, frame)
