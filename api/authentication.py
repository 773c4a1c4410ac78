"""Who asks, and from where: API keys, the session cookie, and the origins that may use it."""

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
    """The credential is missing, wrong, or used up."""

    code: ClassVar[str] = "unauthenticated"
    status: ClassVar[int] = 401


class LoginRefused(Refused):
    """A log-in link's code or an API key that logs nobody in."""

    code: ClassVar[str] = "login_refused"
    status: ClassVar[int] = 401


async def identity_of(connection: HTTPConnection, services: Services) -> Identity | None:
    """Who opened `connection`; an API key counts before a cookie."""
    api_key = bearer(connection)
    if api_key is not None:
        return await services.users.identity(api_key)
    cookie = connection.cookies.get(COOKIE)
    return await services.sessions.identity(cookie) if cookie else None


async def welcome(connection: HTTPConnection, services: Services) -> Identity:
    """Who opened `connection`.

    Raises:
        Unauthenticated: nobody did.
    """
    identity = await identity_of(connection, services)
    if identity is None:
        raise Unauthenticated(
            "Show an API key (Authorization: Bearer …), or log in: `dynavera login` prints a link for the browser."
        )
    return identity


async def until_unwelcome(connection: HTTPConnection, services: Services) -> None:
    """Wait until whoever opened `connection` may not come in any more.

    Raises:
        Unauthenticated: that is so.
    """
    while True:
        await asyncio.sleep(services.limits.session_check_interval.total_seconds())
        try:
            welcome = await identity_of(connection, services) is not None
        except DatabaseAway:
            continue
        if not welcome:
            raise Unauthenticated("The session has ended. Log in again.")


def is_over_tls(connection: HTTPConnection, settings: Settings) -> bool:
    """Whether `connection` came by TLS, as far as the address, a trusted proxy, or the page that asks can tell."""
    if connection.url.scheme in ("https", "wss"):
        return True
    # A proxy that is not trusted says nothing that counts, and the browser says where its page is from.
    origin = connection.headers.get("origin", "")
    return origin.startswith("https:") and allowed_addresses(settings).allows_origin(connection)


async def authenticated(request: Request) -> Identity:
    """Who asks.

    Raises:
        Unauthenticated: nobody does.
    """
    known: Identity | None = getattr(request.state, "identity", None)
    identity = known or await welcome(request, services_of(request))
    request.state.identity = identity
    return identity


async def current_identity(
    request: Request,
    _shown_key: Annotated[HTTPAuthorizationCredentials | None, Security(_key)],
    _shown_session: Annotated[str | None, Security(_session)],
) -> Identity:
    """Who asks; the two credentials are here for the OpenAPI page."""
    return await authenticated(request)


CurrentIdentity = Annotated[Identity, Depends(current_identity)]


async def current_user(identity: CurrentIdentity) -> User:
    """The user who asks."""
    return identity.user


CurrentUser = Annotated[User, Depends(current_user)]


async def owner(user: CurrentUser) -> User:
    """The user who asks, who is the owner of the instance.

    Raises:
        OwnerOnly: it is another user.
    """
    if not user.owner:
        raise OwnerOnly("Only the owner of this instance may do this.")
    return user


Owner = Annotated[User, Depends(owner)]
