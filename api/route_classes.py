"""Route classes: authentication first, then strict parsing of the body."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from api.authentication import authenticated, current_user
from api.dependencies import quotas_of
from dynavera.contracts.system import Problem
from dynavera.web.quotas import contexts_of
from dynavera.web.strict_bodies import StrictRoute

REFUSED: dict[int | str, dict[str, Any]] = {
    422: {"model": Problem, "description": "A parameter or the body is invalid; `errors` has the places."},
    429: {"model": Problem, "description": "Too many open requests or streams, of this user or in total."},
    503: {"model": Problem, "description": "A required component is away; `Retry-After` says when to try again."},
}
UNAUTHENTICATED: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The API key or the session is missing or invalid."}
}


class PublicRoute(StrictRoute):
    """A route without authentication."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The strict parser, after admission."""
        read = super().get_route_handler()

        async def admitted(request: Request) -> Response:
            await self.admit(request)
            return await read(request)

        return admitted

    async def admit(self, request: Request) -> None:
        """Admit every request."""


class UserRoute(PublicRoute):
    """A route for users, who are authenticated before the body is read."""

    async def admit(self, request: Request) -> None:
        """Admit users, each within the quota of concurrent requests.

        Raises:
            Unauthenticated: the request has no valid credential.
            TooManyRequests: too many of the user's requests are in progress.
        """
        identity = await authenticated(request)
        contexts_of(request).enter_context(quotas_of(request).requests.slot(identity.user.id))


def user_router(prefix: str, tag: str) -> APIRouter:
    """A router of routes that need a user."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=UserRoute,
        dependencies=[Depends(current_user)],
        responses=REFUSED | UNAUTHENTICATED,
    )


def public_router(prefix: str, tag: str) -> APIRouter:
    """A router of routes without authentication."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=PublicRoute, responses=REFUSED)
