"""Running ASGI apps on free ports, and waiting for conditions."""

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from dynavera.settings import Settings
from dynavera.web.limits import HttpLimits
from dynavera.web.server import server_config

GRACE_SECONDS = 1
POLL_SECONDS = 0.01


@asynccontextmanager
async def serving(
    app: ASGIApp,
    port: int = 0,
    *,
    send_buffer: int | None = None,
    settings: Settings | None = None,
    largest_message: int = 256 * 1024,
    limits: HttpLimits = HttpLimits(),  # noqa: B008 -- frozen
) -> AsyncGenerator[str]:
    """Run `app` on our services' server in this event loop; yields its base URL, without a trailing slash.

    Without a `port` a free one is used. The app's lifespan runs in one task. Streams that are still open at the end get
    one second. `send_buffer` limits the kernel's buffer for a client that does not read; the default is megabytes.
    `largest_message` is the maximum size of a WebSocket message in bytes.
    """
    # With an explicit protocol asyncio sets TCP_NODELAY; otherwise each response waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if send_buffer is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    listener.bind(("127.0.0.1", port))
    config = server_config(
        app, settings or Settings(), grace_seconds=GRACE_SECONDS, largest_message=largest_message, limits=limits
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await _wait_until_started(server, task)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def until(condition: Callable[[], bool], *, seconds: float = 5) -> None:
    """Wait until `condition` holds.

    Raises:
        TimeoutError: it does not hold within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"The condition did not hold within {seconds} s.")
        await asyncio.sleep(POLL_SECONDS)


class _Server(uvicorn.Server):
    """A server that does not handle signals, which are the test run's."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def _wait_until_started(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    while not server.started:
        if task.done():
            await task
            raise RuntimeError("The server ended before it started: its lifespan failed.")
        await asyncio.sleep(POLL_SECONDS)
