"""Responses while there are too many connections."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from dynavera.web.refusals import TOO_MANY_CONNECTIONS, closing


@dataclass(frozen=True)
class HealthOnly:
    """The application for connections beyond the limit."""

    app: ASGIApp
    health_paths: frozenset[str]
    """Always answered: a monitor must see that an overloaded service is alive."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer health checks and refuse other requests."""
        if scope["path"] in self.health_paths:
            await self.app(scope, receive, send)
        else:
            await closing(TOO_MANY_CONNECTIONS)(scope, receive, send)
