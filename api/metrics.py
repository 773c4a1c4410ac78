"""Prometheus metrics: answered requests and live executions."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
# Not prometheus-fastapi-instrumentator: it would count a stream only when that ends, and any method as a label.
UNMATCHED = "unmatched"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counters and gauges of one API process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "dynavera_http_requests",
            "Answered requests.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._live = Gauge(
            "dynavera_executions", "Queued and running executions.", ("status",), registry=self._registry
        )

    def count(self, method: str, route: str, status: int) -> None:
        """Count a request; unknown methods share one label, so that the number of labels is bounded."""
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()

    def exposition(self, live: Mapping[str, int]) -> bytes:
        """All metrics in Prometheus' text format; `live` is the number of executions by status."""
        for status, number in live.items():
            self._live.labels(status).set(number)
        return generate_latest(self._registry)


class CountedRequests:
    """Counts each request by its route when the response starts."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_started = False

        async def counting_send(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                self._metrics.count(scope["method"], _route(scope), message["status"])
            await send(message)

        try:
            await self._app(scope, receive, counting_send)
        except Exception:
            # The response to an unexpected error is created by an outer middleware.
            if not has_started:
                self._metrics.count(scope["method"], _route(scope), 500)
            raise


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", UNMATCHED))
