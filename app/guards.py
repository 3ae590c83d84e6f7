"""What a request has to pass before its body is read: who asks, of what type the body is, how long."""

import asyncio
import ipaddress
import secrets
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.types import Message, Receive

from app.dependencies import service_of

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

# Declares the scheme in OpenAPI; AdminRoute does the work, for a dependency runs after the body was read.
bearer = HTTPBearer(auto_error=False, description="The token of IRIS_ADMIN_TOKEN.")

_PROXY_HEADERS = (
    *("forwarded", "via", "x-real-ip", "cf-connecting-ip"),
    *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
)
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_IN_PROCESS = ("testclient", None)  # what in-process clients and Unix sockets have for a host


class BodyRoute(APIRoute):
    """A route that reads JSON of bounded length.

    Why not FastAPI's `max_body_size`: a body that is declared too long it answers in plain text,
    past every exception handler.
    """

    def get_route_handler(self) -> Handler:
        """The handler behind the checks of the body, if it reads one."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def checked(request: Request) -> Response:
            return await handle(_bounded(request, service_of(request).settings.max_body_bytes))

        return checked


class AdminRoute(BodyRoute):
    """A route that changes what is served: for administrators, told before the body is read."""

    def get_route_handler(self) -> Handler:
        """The handler behind the check of who asks."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            authorize(request, service_of(request).token)
            return await handle(request)

        return guarded


def authorize(request: Request, token: bytes | None) -> None:
    """Raise 401 without the token where one is set, 403 to callers that are not local where none is."""
    if token is None:
        if not _is_local(request):
            raise HTTPException(403, "Only local callers may do this; set IRIS_ADMIN_TOKEN to let others.")
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secrets.compare_digest(given.strip().encode("latin-1"), token):
        raise HTTPException(
            401, "Send the administrators' token: Authorization: Bearer ...", headers={"WWW-Authenticate": "Bearer"}
        )


def _is_local(request: Request) -> bool:
    if any(header in request.headers for header in _PROXY_HEADERS):
        return False
    host = request.client.host if request.client else None
    if host in _IN_PROCESS:
        return True
    return _is_loopback(host) and _is_addressed_locally(request)


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _is_addressed_locally(request: Request) -> bool:
    """A web page elsewhere can make a local browser call us: its origin, or the name it used, tells."""
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}")
        origin = urlsplit(request.headers.get("origin", f"//{host.netloc}"))
    except ValueError:
        return False
    return origin.netloc == host.netloc and host.hostname in _LOCAL_NAMES


def _bounded(request: Request, max_bytes: int) -> Request:
    declared = request.headers.get("content-length")
    if declared is None and "transfer-encoding" not in request.headers:
        return request
    if declared != "0" and not _is_json(request.headers.get("content-type", "")):
        raise HTTPException(415, "Send the body as JSON, with Content-Type: application/json.")
    if declared is None:
        return Request(request.scope, _counted(request.receive, max_bytes))
    if int(declared) > max_bytes:
        raise _too_long(max_bytes)
    return request  # the server lets no more through than was declared


def csv_within(request: Request, max_bytes: int, idle_seconds: float) -> Request:
    """The request, if it brings CSV; its body ends in 413 as soon as it is too long, in 408 if it pauses for long."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
        raise HTTPException(415, "Send the table as CSV, with Content-Type: text/csv.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise HTTPException(415, "Send the table as it is, not compressed and without Content-Encoding.")
    if int(request.headers.get("content-length", "0")) > max_bytes:
        raise _too_long(max_bytes)
    return Request(request.scope, _impatient(_counted(request.receive, max_bytes), idle_seconds))


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _counted(receive: Receive, max_bytes: int) -> Receive:
    received = 0

    async def count() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > max_bytes:
            raise _too_long(max_bytes)
        return message

    return count


def _impatient(receive: Receive, idle_seconds: float) -> Receive:
    async def receive_soon() -> Message:
        try:
            async with asyncio.timeout(idle_seconds):
                return await receive()
        except TimeoutError as error:
            detail = f"Nothing of the body came for {idle_seconds:g} seconds; send it again without a pause."
            raise HTTPException(408, detail, headers={"Connection": "close"}) from error

    return receive_soon


def _too_long(max_bytes: int) -> HTTPException:
    return HTTPException(413, f"The body is longer than {max_bytes} bytes; send less at a time.")
