"""What every request passes before a route sees it."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from api.authentication import bearer, origin_allowed
from api.problems import Answer, problem
from dynavera.settings import Settings

LARGEST_BODY = 1024 * 1024
LARGEST_UPLOAD = 100 * 1024 * 1024
BODY_PATIENCE = timedelta(seconds=30)
"""How long a body may say nothing before it is complete."""

UPLOADS = "/api/documents"
"""The path whose bodies are files."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
POLICY_VIOLATION = 1008

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_FOREIGN_HOST = Answer(
    421, "foreign_host", "This service is for this machine: ask for it as localhost, or set DYNAVERA_ALLOWED_ORIGINS."
)
_FOREIGN_ORIGIN = Answer(
    403, "foreign_origin", "A page from another origin may not use this service. DYNAVERA_ALLOWED_ORIGINS names more."
)
_TOO_LARGE = Answer(413, "too_large")


class BodyTooLarge(HTTPException):
    """More was sent than is read."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"The request is larger than {limit} bytes.")


class BodySilent(HTTPException):
    """The rest of the body does not come."""

    def __init__(self, patience: timedelta) -> None:
        detail = f"Nothing of the rest of the request came for {patience.total_seconds():g} s. Send it again."
        super().__init__(408, detail, {"Connection": "close"})


@dataclass(frozen=True)
class Doorkeeper:
    """Keeps out what comes by a foreign name, against DNS rebinding, or from a page of another origin.

    A program that shows an API key may come from anywhere, for no browser adds one by itself; a socket may not.
    """

    app: ASGIApp
    settings: Settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let `scope` in, or say why not."""
        refusal = None if scope["type"] == "lifespan" else self._refusal(HTTPConnection(scope))
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(POLICY_VIOLATION)(scope, receive, send)
        else:
            await problem(refusal, refusal.detail or "")(scope, receive, send)

    def _refusal(self, connection: HTTPConnection) -> Answer | None:
        if self.settings.host in LOOPBACK and not self._is_ours(connection.headers.get("host", "")):
            return _FOREIGN_HOST
        shows_key = connection.scope["type"] == "http" and bearer(connection) is not None
        return None if shows_key or origin_allowed(connection, self.settings) else _FOREIGN_ORIGIN

    def _is_ours(self, host: str) -> bool:
        name = _host_name(f"//{host}")
        return name in LOOPBACK or name in {_host_name(origin) for origin in self.settings.allowed_origins}


@dataclass(frozen=True)
class BodyLimit:
    """Refuses bodies that are too large, whether or not they say so beforehand, and those that stop coming."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read no more than the limit."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = LARGEST_UPLOAD if scope["path"] == UPLOADS else LARGEST_BODY
        declared = HTTPConnection(scope).headers.get("content-length", "0")
        if int(declared) > limit:
            await problem(_TOO_LARGE, BodyTooLarge(limit).detail)(scope, receive, send)
        else:
            await self.app(scope, _limited(receive, limit), send)


@dataclass(frozen=True)
class ProtectiveHeaders:
    """Adds what browsers need to know to protect the page; what the API says is kept nowhere."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to the answer."""

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, protected)


def _limited(receive: Receive, limit: int) -> Receive:
    received = 0
    complete = False

    async def receive_limited() -> Message:
        nonlocal received, complete
        if complete:
            # What comes now is that the client leaves, whenever that is.
            return await receive()
        message = await _next_part(receive)
        complete = not message.get("more_body", False)
        received += len(message.get("body", b""))
        if received > limit:
            raise BodyTooLarge(limit)
        return message

    return receive_limited


async def _next_part(receive: Receive) -> Message:
    try:
        async with asyncio.timeout(BODY_PATIENCE.total_seconds()):
            return await receive()
    except TimeoutError as error:
        raise BodySilent(BODY_PATIENCE) from error


def _host_name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
