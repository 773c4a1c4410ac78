"""Which requests the MCP service accepts, and from whom."""

from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlsplit

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.requests import HTTPConnection

from dynavera.settings import ALL_INTERFACES, Settings
from dynavera.web.bodies import BodyLimits
from dynavera.web.errors import Refused
from dynavera.web.quotas import Quota, TooManyRequests, contexts_of
from dynavera.web.request_guard import (
    LOCAL_NAMES,
    AllowedAddresses,
    RequestPolicy,
    bearer,
    parsed_origin,
)
from mcp_service.authentication import CallerResolver

PUBLIC_PATHS = ("/health",)

MAX_UPLOAD_BYTES = 128 * 1024 * 1024
"""Bytes of one upload, all its files together."""

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Bytes of any other request."""

_FOREIGN_HOST = "The Host header does not name this service. DYNAVERA_MCP_ALLOWED_HOSTS adds names."
_FOREIGN_ORIGIN = "Pages of this origin may not call this service. DYNAVERA_ALLOWED_ORIGINS adds origins."


class Unauthenticated(Refused):
    """The API key is missing, or not valid."""

    code: ClassVar[str] = "unauthenticated"
    status: ClassVar[int] = 401

    def __init__(self, *, shows_credential: bool) -> None:
        super().__init__("Send an API key: `Authorization: Bearer <API key>`.")
        # RFC 6750: `error` is only for requests that have a credential.
        challenge = 'Bearer realm="dynavera"'
        if shows_credential:
            challenge += ', error="invalid_token", error_description="The API key is unknown or no longer valid."'
        self.headers = {"WWW-Authenticate": challenge}


def request_policy(settings: Settings, callers: CallerResolver, body_timeout: timedelta) -> RequestPolicy:
    """The policy; it puts the `Caller` into the state of a request."""
    requests = Quota(TooManyRequests, settings.max_requests_per_user)

    async def admit(connection: HTTPConnection) -> None:
        if connection.scope["path"] in PUBLIC_PATHS:
            return
        caller = await callers.caller(bearer(connection))
        if caller is None:
            raise Unauthenticated(shows_credential="authorization" in connection.headers)
        connection.state.caller = caller
        # The SDK ties a session to the client that opened it; to others it answers as if there were none.
        connection.scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=caller.name, scopes=[]))
        if caller.user is not None:
            # The service token stands for all users, and the API and the workers limit those.
            contexts_of(connection).enter_context(requests.slot(caller.user.id))

    limits = BodyLimits(MAX_BODY_BYTES, {"/documents": MAX_UPLOAD_BYTES}, body_timeout)
    return RequestPolicy(allowed_addresses(settings), limits, _FOREIGN_HOST, _FOREIGN_ORIGIN, admit)


def allowed_addresses(settings: Settings) -> AllowedAddresses:
    """This machine, the address that the service listens on, and what the settings add."""
    listens = f"[{settings.mcp_host}]" if ":" in settings.mcp_host else settings.mcp_host
    own = () if settings.mcp_host in ALL_INTERFACES else (listens,)
    public = () if settings.mcp_public_url is None else (urlsplit(settings.mcp_public_url).netloc,)
    return AllowedAddresses(
        origins=frozenset(parsed_origin(origin) for origin in settings.page_origins),
        hosts=LOCAL_NAMES | {host.lower() for host in (*own, *public, *settings.mcp_allowed_hosts)},
        pages_of_hosts=True,
    )
