"""The model server's uvicorn, in this event loop."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

POLL_SECONDS = 0.01


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncGenerator[int]:
    """`app` on a free port, which is given."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = _Server(
        uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1)
    )
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:  # noqa: ASYNC110 -- uvicorn tells in no other way
            await asyncio.sleep(POLL_SECONDS)
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await task


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield
