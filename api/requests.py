"""How requests are read: first who asks, then the body, strictly."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from api.authentication import authenticated, current_user
from api.dependencies import quotas_of
from dynavera.contracts.system import Problem
from dynavera.web.quotas import held
from dynavera.web.strict_bodies import StrictRoute

REFUSED: dict[int | str, dict[str, Any]] = {
    422: {"model": Problem, "description": "A parameter or the body cannot be used; `errors` says where."},
    429: {"model": Problem, "description": "You have too many requests or streams open, or all users together have."},
    503: {"model": Problem, "description": "A part that this needs is away; `Retry-After` says when to try again."},
}
UNAUTHENTICATED: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The API key or the session is missing or not valid."}
}


class OpenRoute(StrictRoute):
    """A route for everybody."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The strict reader, behind the door."""
        read = super().get_route_handler()

        async def admitted(request: Request) -> Response:
            await self.admit(request)
            return await read(request)

        return admitted

    async def admit(self, request: Request) -> None:
        """Everybody may come in."""


class UserRoute(OpenRoute):
    """A route for users: whoever asks is known before the body is read."""

    async def admit(self, request: Request) -> None:
        """Users may come in, each with as many requests at the same time as the settings say.

        Raises:
            Unauthenticated: nobody asks.
            TooManyRequests: too many of the user's requests are being answered.
        """
        identity = await authenticated(request)
        held(request).enter_context(quotas_of(request).requests.place(identity.user.id))


def user_router(prefix: str, tag: str) -> APIRouter:
    """Routes that need a user."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=UserRoute,
        dependencies=[Depends(current_user)],
        responses=REFUSED | UNAUTHENTICATED,
    )


def open_router(prefix: str, tag: str) -> APIRouter:
    """Routes that need none."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=OpenRoute, responses=REFUSED)
