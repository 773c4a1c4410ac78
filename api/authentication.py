"""Authentication by API key or session cookie."""

import asyncio
from typing import Annotated, ClassVar

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from api.dependencies import Services, services_of
from api.request_policy import allowed_addresses
from dynavera.contracts.users import User
from dynavera.records.database import DatabaseAway
from dynavera.records.users import Identity
from dynavera.settings import Settings
from dynavera.web.errors import OwnerOnly, Refused
from dynavera.web.request_guard import bearer

COOKIE = "dynavera_session"

_key = HTTPBearer(
    scheme_name="ApiKey", description="An API key: the first user's is in `<data dir>/token`.", auto_error=False
)
_session = APIKeyCookie(
    name=COOKIE, scheme_name="Session", description="The session of a logged-in browser.", auto_error=False
)


class Unauthenticated(Refused):
    """The credential is missing, invalid or expired."""

    code: ClassVar[str] = "unauthenticated"
    status: ClassVar[int] = 401


class LoginRefused(Refused):
    """The code of a log-in link or the API key is not valid."""

    code: ClassVar[str] = "login_refused"
    status: ClassVar[int] = 401


async def identity_of(connection: HTTPConnection, services: Services) -> Identity | None:
    """The caller of `connection`; an API key takes precedence over a cookie."""
    api_key = bearer(connection)
    if api_key is not None:
        return await services.users.identity(api_key)
    cookie = session_cookie(connection)
    return await services.sessions.identity(cookie) if cookie else None


def session_cookie(connection: HTTPConnection) -> str | None:
    """The session cookie of `connection`; the first one, if another instance at this host has set one, too.

    Browsers send the cookie with the longest path first (RFC 6265, 5.4), which is the one of this instance.
    """
    for header in connection.headers.getlist("cookie"):
        for cookie in header.split(";"):
            name, _, value = cookie.strip().partition("=")
            if name == COOKIE:
                return value or None
    return None


async def require_identity(connection: HTTPConnection, services: Services) -> Identity:
    """The caller of `connection`.

    Raises:
        Unauthenticated: it has no valid credential.
    """
    identity = await identity_of(connection, services)
    if identity is None:
        raise Unauthenticated(
            "Send an API key (Authorization: Bearer …), or log in: `dynavera login` prints a link for the browser."
        )
    return identity


async def until_session_ends(connection: HTTPConnection, services: Services) -> None:
    """Check the credential of `connection` regularly until it is no longer valid.

    Raises:
        Unauthenticated: the session has ended, or the API key was revoked.
    """
    while True:
        await asyncio.sleep(services.limits.session_check_interval.total_seconds())
        try:
            is_valid = await identity_of(connection, services) is not None
        except DatabaseAway:
            continue
        if not is_valid:
            raise Unauthenticated("The session has ended. Log in again.")


def is_over_tls(connection: HTTPConnection, settings: Settings) -> bool:
    """Whether `connection` uses TLS, according to its address, a trusted proxy, or the page's origin."""
    if connection.url.scheme in ("https", "wss"):
        return True
    # The headers of a proxy that is not trusted do not count; the browser's Origin header does.
    origin = connection.headers.get("origin", "")
    return origin.startswith("https:") and allowed_addresses(settings).allows_origin(connection)


async def authenticated(request: Request) -> Identity:
    """The caller of `request`.

    Raises:
        Unauthenticated: it has no valid credential.
    """
    known: Identity | None = getattr(request.state, "identity", None)
    identity = known or await require_identity(request, services_of(request))
    request.state.identity = identity
    return identity


async def current_identity(
    request: Request,
    _shown_key: Annotated[HTTPAuthorizationCredentials | None, Security(_key)],
    _shown_session: Annotated[str | None, Security(_session)],
) -> Identity:
    """The caller; the two credentials are declared for the OpenAPI document."""
    return await authenticated(request)


CurrentIdentity = Annotated[Identity, Depends(current_identity)]


async def current_user(identity: CurrentIdentity) -> User:
    """The user of the request."""
    return identity.user


CurrentUser = Annotated[User, Depends(current_user)]


async def owner(user: CurrentUser) -> User:
    """The user of the request, who must be the owner of the instance.

    Raises:
        OwnerOnly: it is another user.
    """
    if not user.owner:
        raise OwnerOnly("Only the owner of this instance may do this.")
    return user


Owner = Annotated[User, Depends(owner)]
