"""Real servers on free ports, and waiting for what they do."""

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from dynavera.settings import Settings
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
) -> AsyncGenerator[str]:
    """`app` behind the server of our services in this event loop; gives its base URL, without a slash at the end.

    Without a `port` it takes a free one. The app's lifespan runs, in one task from start to end. Streams that are still
    open at the end get a second. `send_buffer` is how much the kernel takes for a client that does not read; its own
    measure is megabytes. `largest_message` is in bytes, of a WebSocket.
    """
    # A socket that names its protocol gets TCP_NODELAY from asyncio; without it each answer waits for 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if send_buffer is not None:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    listening.bind(("127.0.0.1", port))
    config = server_config(app, settings or Settings(), grace_seconds=GRACE_SECONDS, largest_message=largest_message)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await _started(server, task)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listening.close()


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def until(condition: Callable[[], bool], *, seconds: float = 5) -> None:
    """Wait until `condition` holds.

    Raises:
        TimeoutError: it did not hold within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"The condition did not hold within {seconds} s.")
        await asyncio.sleep(POLL_SECONDS)


class _Server(uvicorn.Server):
    """A server that leaves the signals to the test run."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def _started(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    while not server.started:
        if task.done():
            await task
            raise RuntimeError("The server ended before it had started: its lifespan failed.")
        await asyncio.sleep(POLL_SECONDS)
