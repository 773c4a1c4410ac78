"""What Prometheus reads: the requests that were answered, and the executions that are alive."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
UNMATCHED = "unmatched"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counters and gauges of one API process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "dynavera_http_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._live = Gauge(
            "dynavera_executions", "Executions that are queued or running.", ("status",), registry=self._registry
        )

    def count(self, method: str, route: str, status: int) -> None:
        """Count a request; unknown methods share one label, so that nobody can make up labels without end."""
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()

    def exposition(self, live: Mapping[str, int]) -> bytes:
        """All figures in Prometheus' text format; `live` has the executions by status."""
        for status, number in live.items():
            self._live.labels(status).set(number)
        return generate_latest(self._registry)


class CountedRequests:
    """Counts each request when its answer begins, by the route that gave it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and count."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = False

        async def noticed(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                self._metrics.count(scope["method"], _route(scope), message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except Exception:
            # Counted and raised again: the answer to what nobody expected is made outside of here.
            if not answered:
                self._metrics.count(scope["method"], _route(scope), 500)
            raise


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", UNMATCHED))
