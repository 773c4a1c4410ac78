"""The HTTP server of a process: its limits and its shutdown."""

import resource
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import structlog
import uvicorn
from starlette.types import ASGIApp

from dynavera.settings import Settings
from dynavera.startup import on_signals
from dynavera.web.http_protocol import GuardedHttpProtocol
from dynavera.web.limits import HttpLimits
from dynavera.web.server_config import ServerConfig
from dynavera.web.websocket_protocol import GuardedWebSocketProtocol

OTHER_FILES = 256
"""Open files besides client connections: the database, logs, and connections to Temporal and the MCP service."""

HEALTH_PATHS = frozenset({"/api/health", "/health"})
"""Of the API and of the MCP service."""

_log = structlog.get_logger(__name__)


class Server(uvicorn.Server):
    """uvicorn with an orderly shutdown at a signal; uvicorn itself raises the signal again at the end."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Shut down at SIGTERM or SIGINT."""
        on_signals(lambda number: self.handle_exit(number, None))
        yield

    def end(self, _reason: object = None) -> None:
        """Shut down once open requests are answered."""
        self.should_exit = True


def server_config(
    app: ASGIApp,
    settings: Settings,
    *,
    grace_seconds: int,
    largest_message: int | None = None,
    lifespan: Literal["on", "off"] = "on",
    limits: HttpLimits = HttpLimits(),  # noqa: B008 -- frozen
) -> ServerConfig:
    """The server configuration of `app`.

    `grace_seconds` is how long open requests and streams may continue at shutdown. `largest_message` is the size in
    bytes of the largest WebSocket message; without it there are no WebSockets.
    """
    return ServerConfig(
        app,
        limits,
        HEALTH_PATHS | {settings.root_path + path for path in HEALTH_PATHS},
        lifespan=lifespan,
        http=GuardedHttpProtocol,
        ws=GuardedWebSocketProtocol if largest_message else "none",
        ws_max_size=largest_message or 0,
        # Events are small, and compressing each for each viewer took a third of the API's time.
        ws_per_message_deflate=False,
        limit_concurrency=_connections(settings.max_connections),
        forwarded_allow_ips="*" if "*" in settings.forwarded_allow_ips else list(settings.forwarded_allow_ips),
        timeout_graceful_shutdown=grace_seconds,
        log_config=None,
        access_log=False,
        server_header=False,
    )


def _connections(wanted: int) -> int:
    """`wanted`, or fewer if the limit of open files does not allow it."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return wanted
    fitting = max(files - OTHER_FILES, files // 2)
    if fitting < wanted:
        _log.warning(
            "fewer connections than DYNAVERA_MAX_CONNECTIONS: raise the limit of open files (ulimit -n)",
            connections=fitting,
            open_files=files,
        )
    return min(wanted, fitting)
