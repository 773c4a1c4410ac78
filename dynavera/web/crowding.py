"""What is answered when there are too many connections."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from dynavera.web.refusals import TOO_MANY_CONNECTIONS, closing

HEALTH_PATHS = frozenset({"/api/health", "/health"})
"""What is answered however many connections there are: a monitor must be able to see that the service is alive."""


@dataclass(frozen=True)
class OnlyHealth:
    """The application of a connection that is one too many."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer health checks, and refuse all else."""
        if scope["path"] in HEALTH_PATHS:
            await self.app(scope, receive, send)
        else:
            await closing(TOO_MANY_CONNECTIONS)(scope, receive, send)
