"""Checks the host, origin, size and caller of every request before it reaches a route."""

import re
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from dynavera.web.bodies import BodyLimits, BodyTooLarge, BoundedBody
from dynavera.web.errors import ErrorTable, Refused
from dynavera.web.quotas import attach_contexts

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]@/?#\s]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>.+)")
_DEFAULT_PORTS = {"http": "80", "https": "443"}

Origin = tuple[str, str, str]
"""Scheme, host name and port."""


class NotOneHost(Refused):
    """The request has no Host header, or several."""

    code: ClassVar[str] = "malformed_request"
    status: ClassVar[int] = 400


class ForeignHost(Refused):
    """The Host header does not name the service."""

    code: ClassVar[str] = "foreign_host"
    status: ClassVar[int] = 421


class ForeignOrigin(Refused):
    """The page's origin may not use the service."""

    code: ClassVar[str] = "foreign_origin"
    status: ClassVar[int] = 403


@dataclass(frozen=True)
class AllowedAddresses:
    """The host names and origins that requests may have, against DNS rebinding and requests from other sites.

    Pages of `origins` may use the service, and those of its own origin. Names in `hosts` may include a port; with None,
    every name is allowed.
    """

    origins: frozenset[Origin | None]
    hosts: frozenset[str] | None
    pages_of_hosts: bool = False
    """Whether pages of every allowed host may use the service, whatever their scheme and port."""

    def allows_host(self, host: str) -> bool:
        """Whether `host`, with or without a port, is a name of the service."""
        named = _HOST.fullmatch(host.lower())
        return self.hosts is None or (named is not None and not self.hosts.isdisjoint({host.lower(), named["name"]}))

    def allows_origin(self, connection: HTTPConnection) -> bool:
        """Whether the page that opened `connection` may use the service; programs send no origin."""
        own = f"{connection.url.scheme.replace('ws', 'http', 1)}://{connection.headers.get('host', '')}"
        return all(self._allows(origin, own) for origin in connection.headers.getlist("origin"))

    def _allows(self, origin: str, own: str) -> bool:
        asked = parsed_origin(origin)
        if asked is None:
            return False
        return asked in self.origins or (
            self.allows_host(asked[1]) if self.pages_of_hosts else asked == parsed_origin(own)
        )


async def _admit_everyone(_connection: HTTPConnection) -> None:
    """Leave authentication to the routes."""


@dataclass(frozen=True)
class RequestPolicy:
    """The requests that a service accepts, and its messages to other hosts and origins.

    `admit` raises an expected error for a caller that may not use the service. With `keys_from_any_origin`, a request
    with an API key may come from any page: no browser adds one by itself. WebSockets may not.
    """

    addresses: AllowedAddresses
    body_limits: BodyLimits
    foreign_host: str
    foreign_origin: str
    admit: Callable[[HTTPConnection], Awaitable[None]] = _admit_everyone
    keys_from_any_origin: bool = False

    def check_addresses(self, connection: HTTPConnection) -> None:
        """Check host and origin.

        Raises:
            NotOneHost, ForeignHost, ForeignOrigin: they are not allowed.
        """
        hosts = connection.headers.getlist("host")
        if len(hosts) != 1:
            raise NotOneHost("A request must have exactly one Host header.")
        if not self.addresses.allows_host(hosts[0]):
            raise ForeignHost(self.foreign_host)
        has_key = connection.scope["type"] == "http" and bearer(connection) is not None
        if not (self.keys_from_any_origin and has_key) and not self.addresses.allows_origin(connection):
            raise ForeignOrigin(self.foreign_origin)


class RequestGuard:
    """Forwards requests that the policy accepts, each with an exit stack that closes when it is answered."""

    def __init__(self, app: ASGIApp, policy: RequestPolicy, answers: ErrorTable) -> None:
        self._app = app
        self._policy = policy
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, or answer with the refusal."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        # White space around a value is not part of it (RFC 9110, 5.5), and not every server strips it.
        scope["headers"] = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        connection, limits = HTTPConnection(scope), self._policy.body_limits
        with ExitStack() as contexts:
            attach_contexts(connection, contexts)
            try:
                self._policy.check_addresses(connection)
                _check_declared_size(connection.headers, limits.of(scope["path"]))
                await self._policy.admit(connection)
            except self._answers.expected as error:
                await self._answers.response(error)(scope, receive, send)
                return
            if scope["type"] == "http":
                receive = BoundedBody(receive, limits, scope["path"])
            await self._app(scope, receive, send)


def bearer(connection: HTTPConnection) -> str | None:
    """The API key of `connection`, valid or not; None without exactly one, or with a blank one."""
    credentials = connection.headers.getlist("authorization")
    scheme, _, api_key = (credentials[0] if len(credentials) == 1 else "").partition(" ")
    return api_key.strip() or None if scheme.lower() == "bearer" else None


def parsed_origin(origin: str) -> Origin | None:
    """`origin` with its default port; None for `null` and anything that is not an origin of a page."""
    parts = _ORIGIN.fullmatch(origin.lower())
    host = _HOST.fullmatch(parts["host"]) if parts else None
    if parts is None or host is None:
        return None
    return parts["scheme"], host["name"], host["port"] or _DEFAULT_PORTS[parts["scheme"]]


def _check_declared_size(headers: Headers, limit: int) -> None:
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise BodyTooLarge(limit)
