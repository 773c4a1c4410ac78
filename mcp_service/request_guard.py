"""Checks every request first: its host, its origin, its size and its credential."""

import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette import status
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dynavera.records.database import DatabaseAway
from dynavera.settings import ALL_INTERFACES, Settings
from dynavera.web.bodies import BodyTooLarge, BoundedBody
from dynavera.web.quotas import Quota, TooManyRequests
from mcp_service.authentication import Caller, CallerResolver
from mcp_service.problems import problem, refusal_response

LOCAL = ("127.0.0.1", "localhost", "[::1]")
PUBLIC_PATHS = ("/health",)

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]@/\s]+)(?::[0-9]{1,5})?", re.ASCII)
_ORIGIN = re.compile(r"https?://(?P<host>[^/?#]+)")

MAX_UPLOAD_BYTES = 128 * 1024 * 1024
"""Bytes of one upload, all its files together."""

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Bytes of any other request."""


@dataclass(frozen=True)
class AllowedHosts:
    """The host names and origins that requests may have, against DNS rebinding and requests from other sites."""

    hosts: frozenset[str]
    origins: frozenset[str]

    @classmethod
    def from_settings(cls, settings: Settings) -> "AllowedHosts":
        """This machine, the address that the service listens on, and what the settings add."""
        listens = f"[{settings.mcp_host}]" if ":" in settings.mcp_host else settings.mcp_host
        own = () if settings.mcp_host in ALL_INTERFACES else (listens,)
        public = () if settings.mcp_public_url is None else (urlsplit(settings.mcp_public_url).netloc,)
        return cls(
            frozenset(host.lower() for host in (*LOCAL, *own, *public, *settings.mcp_allowed_hosts)),
            frozenset(origin.lower() for origin in settings.page_origins),
        )

    def allows_host(self, host: str) -> bool:
        """Whether `host`, with or without a port, is one of the service's names."""
        host = host.lower()
        named = _HOST.fullmatch(host)
        return named is not None and (host in self.hosts or named["name"] in self.hosts)

    def allows_origin(self, origin: str) -> bool:
        """Whether pages of `origin` may call the service."""
        origin = origin.lower()
        parts = _ORIGIN.fullmatch(origin)
        return origin in self.origins or (parts is not None and self.allows_host(parts["host"]))


class RequestGuard:
    """Refuses requests that are not allowed, and puts the `Caller` into the state of the others."""

    def __init__(
        self, app: ASGIApp, callers: CallerResolver, allowed: AllowedHosts, max_requests_per_user: int
    ) -> None:
        self._app = app
        self._callers = callers
        self._allowed = allowed
        self._requests = Quota(TooManyRequests, max_requests_per_user)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer with the reason why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # White space around a value is not part of it (RFC 9110, 5.5), and not every server strips it.
        scope["headers"] = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        headers = Headers(scope=scope)
        refusal = self._refused_address(headers) or _refused_size(scope)
        caller: Caller | None = None
        if refusal is None and scope["path"] not in PUBLIC_PATHS:
            credentials = headers.getlist("authorization")
            try:
                caller = await self._callers.caller(credentials[0]) if len(credentials) == 1 else None
            except DatabaseAway as error:
                refusal = refusal_response(error)
            else:
                refusal = None if caller is not None else _unauthenticated(credentials)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        state["caller"] = caller
        if caller is not None:
            # The SDK ties a session to the client that opened it; to others it answers as if there were none.
            scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=caller.name, scopes=[]))
        try:
            with self._quota(caller):
                await self._app(scope, BoundedBody(receive, _limit(scope)), send)
        except TooManyRequests as error:
            await problem(error.status_code, error.code, error.detail, headers=error.headers)(scope, receive, send)

    def _quota(self, caller: Caller | None) -> AbstractContextManager[None]:
        # The service token stands for all users, and the API and the workers limit those.
        return nullcontext() if caller is None or caller.user is None else self._requests.place(caller.user.id)

    def _refused_address(self, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            return problem(status.HTTP_400_BAD_REQUEST, "bad_host", "A request must have exactly one Host header.")
        if not self._allowed.allows_host(hosts[0]):
            return problem(
                status.HTTP_421_MISDIRECTED_REQUEST,
                "bad_host",
                f"{hosts[0]!r} is not a name of this service. Add it to DYNAVERA_MCP_ALLOWED_HOSTS.",
            )
        for origin in headers.getlist("origin"):
            if not self._allowed.allows_origin(origin):
                detail = f"Pages of {origin!r} may not call this service. Add them to DYNAVERA_ALLOWED_ORIGINS."
                return problem(status.HTTP_403_FORBIDDEN, "bad_origin", detail)
        return None


def _unauthenticated(credentials: list[str]) -> Response:
    # RFC 6750: `error` is only for requests that have a credential.
    challenge = 'Bearer realm="dynavera"'
    if credentials:
        challenge += ', error="invalid_token", error_description="The API key is unknown or no longer valid."'
    return problem(
        status.HTTP_401_UNAUTHORIZED,
        "unauthenticated",
        "Send an API key: `Authorization: Bearer <API key>`.",
        headers={"WWW-Authenticate": challenge},
    )


def _limit(scope: Scope) -> int:
    return MAX_UPLOAD_BYTES if scope["path"] == "/documents" else MAX_BODY_BYTES


def _refused_size(scope: Scope) -> Response | None:
    length = Headers(scope=scope).get("content-length", "")
    if length.isdecimal() and int(length) > _limit(scope):
        return refusal_response(BodyTooLarge(_limit(scope)))
    return None
