"""An open-loop load: requests go out at a fixed rate, whether the answers come or not.

A latency counts from the moment for which its request was scheduled, so that a server that stalls
cannot hide it by keeping its clients from asking. Used by the other scripts.
"""

import asyncio
import gc
import json
import selectors
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np

T = TypeVar("T")

_CONNECTIONS = 16
_SECONDS_BEYOND = 30.0  # that the last answers may take
_NO_ANSWER = (0, b"")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of the request of that number; the status is 0 if nothing came."""

    number: int
    latency_seconds: float
    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """One request after the other over one socket that is kept open."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[tuple[int, bytes]] | None = None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        if self._transport is None:
            return _NO_ANSWER
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = bytes(self._received).partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if blank and len(body) >= length:
            self._received.clear()
            self._finish((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._transport = None
        self._finish(_NO_ANSWER)

    def _finish(self, answer: tuple[int, bytes]) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(answer)


def post(address: str, path: str, body: object = None) -> bytes:
    """A request as it goes over the wire."""
    content = b"" if body is None else json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {urlsplit(address).netloc}\r\nContent-Length: {len(content)}\r\n"
    kind = "" if body is None else "Content-Type: application/json\r\n"
    return f"{head}{kind}\r\n".encode() + content


async def connect(address: str) -> Connection:
    host, _, port = urlsplit(address).netloc.partition(":")
    _, connection = await asyncio.get_running_loop().create_connection(Connection, host, int(port))
    return connection


async def play(address: str, requests: Sequence[bytes], rate: float, seconds: float) -> list[Answer]:
    """The answers to the requests, in turns, so many a second for so long."""
    numbers = iter(range(round(rate * seconds)))
    began = time.perf_counter() + 0.1

    async def work(connection: Connection) -> list[Answer]:
        answers = []
        for number in numbers:  # shared: whoever is free takes the next
            scheduled = began + number / rate
            await asyncio.sleep(scheduled - time.perf_counter())
            status, body = await connection.ask(requests[number % len(requests)])
            answers.append(Answer(number, time.perf_counter() - scheduled, status, body))
        return answers

    async with asyncio.timeout(seconds + _SECONDS_BEYOND):
        connections = [await connect(address) for _ in range(_CONNECTIONS)]
        found = await asyncio.gather(*map(work, connections))
    for connection in connections:
        connection.close()
    return [answer for answers in found for answer in answers]


def capacity(address: str, requests: Sequence[bytes], seconds: float = 3.0) -> float:
    """Answers a second when each connection asks again as soon as it is answered: the median of three tries."""
    return float(np.median([run(_closed_loop(address, requests, seconds)) for _ in range(3)]))


async def _closed_loop(address: str, requests: Sequence[bytes], seconds: float) -> float:
    end = time.perf_counter() + seconds

    async def work(connection: Connection) -> int:
        answered = 0
        while time.perf_counter() < end:
            status, _ = await connection.ask(requests[answered % len(requests)])
            if status != 200:
                raise RuntimeError(f"answered {status}")
            answered += 1
        connection.close()
        return answered

    async with asyncio.timeout(seconds + _SECONDS_BEYOND):
        connections = [await connect(address) for _ in range(_CONNECTIONS)]
        return sum(await asyncio.gather(*map(work, connections))) / seconds


def percentile(answers: Sequence[Answer], share: float = 0.99) -> float:
    """The latency in milliseconds that this share of the answers does not exceed."""
    return float(np.quantile([answer.latency_seconds for answer in answers], share)) * 1e3


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do it in an event loop that wakes in time: epoll's timers, the default, are whole milliseconds."""
    with (
        _without_collection(),
        asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner,
    ):
        return runner.run(work)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Pauses of this process are not the server's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
