"""What every request passes before a route sees it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.authentication import bearer, origin_allowed
from api.problems import Answer, problem
from dynavera.settings import Settings
from dynavera.web.bodies import BodyTooLarge, BoundedBody

LARGEST_BODY = 1024 * 1024
LARGEST_UPLOAD = 100 * 1024 * 1024
LARGEST_LOGIN = 64 * 1024
"""What is read of somebody who is not known yet."""

UPLOADS = "/api/documents"
"""The path whose bodies are files."""
LOGIN = "/api/login"
"""The path that reads bodies of everybody."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_FOREIGN_HOST = Answer(
    421, "foreign_host", "This service is for this machine: ask for it as localhost, or set DYNAVERA_PUBLIC_URL."
)
_FOREIGN_ORIGIN = Answer(
    403,
    "foreign_origin",
    "A page from another origin may not use this service. DYNAVERA_PUBLIC_URL names the service's own, behind a proxy; "
    "DYNAVERA_ALLOWED_ORIGINS names more.",
)
_TOO_LARGE = Answer(413, "too_large")


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
        else:
            await problem(refusal, refusal.detail or "")(scope, receive, send)

    def _refusal(self, connection: HTTPConnection) -> Answer | None:
        if self.settings.host in LOOPBACK and not self._is_ours(connection.headers.get("host", "")):
            return _FOREIGN_HOST
        shows_key = connection.scope["type"] == "http" and bearer(connection) is not None
        return None if shows_key or origin_allowed(connection, self.settings) else _FOREIGN_ORIGIN

    def _is_ours(self, host: str) -> bool:
        name = _host_name(f"//{host}")
        return name in LOOPBACK or name in {_host_name(origin) for origin in self.settings.page_origins}


@dataclass(frozen=True)
class BodyLimit:
    """Refuses bodies that are too large, whether or not they say so beforehand, and those that stop coming."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read no more than the limit."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = _limit(scope["path"])
        declared = HTTPConnection(scope).headers.get("content-length", "0")
        if int(declared) > limit:
            await problem(_TOO_LARGE, BodyTooLarge(limit).detail)(scope, receive, send)
        else:
            await self.app(scope, BoundedBody(receive, limit), send)


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


def _limit(path: str) -> int:
    return {UPLOADS: LARGEST_UPLOAD, LOGIN: LARGEST_LOGIN}.get(path, LARGEST_BODY)


def _host_name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
