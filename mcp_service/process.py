"""The MCP service as a process: from settings and a listening socket to the exit code."""

import asyncio
import os
import select
import socket
import sys
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path

import structlog

from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from dynavera.records.open_database import open_database
from dynavera.records.owner import ensure_owner
from dynavera.settings import ALL_INTERFACES, Settings
from dynavera.startup import CannotStart, resume_gc
from dynavera.telemetry import configure
from dynavera.web.errors import Refused
from dynavera.web.server import Server, server_config
from mcp_service.app import create_app
from mcp_service.knowledge.embedders import EmbedderUnavailable
from mcp_service.knowledge.knowledge import KnowledgeInUse
from mcp_service.knowledge_lock import is_handover_requested, published_address, request_handover
from mcp_service.service import Service

POLL_SECONDS = 0.2
"""How often an on-demand service checks whether it is still needed."""

SHUTDOWN_SECONDS = 3
"""How long open streams may continue after a signal to stop."""

_log = structlog.get_logger(__name__)


async def serve(settings: Settings, listening: socket.socket, *, on_demand: bool) -> None:
    """Serve until a signal to stop.

    Raises:
        CannotStart: the service cannot run.
    """
    configure(settings)
    try:
        async with open_database(settings) as database:
            await _serve(settings, database, listening, on_demand=on_demand)
    except (EmbedderUnavailable, KnowledgeInUse, Refused) as error:
        raise CannotStart(str(error)) from error


async def _serve(settings: Settings, database: Database, listening: socket.socket, *, on_demand: bool) -> None:
    # First, so that a default generator that is not usable is refused before anything is created or logged.
    app = create_app(settings, database)
    await migrate(database)
    await ensure_owner(database, settings, _log.info)
    # The lifespan is entered below, so that an error in it becomes a sentence instead of a traceback.
    server = Server(server_config(app, settings, grace_seconds=SHUTDOWN_SECONDS, lifespan="off"))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        folder, url = settings.data_dir / "knowledge", _address(listening)
        publishing = _publish_address(app.state.service, server, folder, url, on_demand=on_demand)
        await stack.enter_async_context(_in_background(publishing))
        if on_demand:
            await stack.enter_async_context(_in_background(_end_when_not_needed(server, folder)))
        resume_gc()
        await server.serve(sockets=[listening])


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    reachable = "127.0.0.1" if host in ALL_INTERFACES else host
    return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"


@asynccontextmanager
async def _in_background(work: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()


async def _publish_address(service: Service, server: Server, folder: Path, url: str, *, on_demand: bool) -> None:
    """Publish the address once the knowledge is open; end the server if it cannot be opened."""
    with nullcontext() if on_demand else request_handover(folder):
        is_open = await service.knowledge.opened()
    if not is_open:
        server.end()
        return
    with published_address(folder, url):
        await asyncio.Event().wait()


async def _end_when_not_needed(server: Server, folder: Path) -> None:
    while not (_is_client_gone() or is_handover_requested(folder)):  # noqa: ASYNC110 -- other processes set no event
        await asyncio.sleep(POLL_SECONDS)
    server.end()


def _is_client_gone() -> bool:
    # Nobody writes to standard input; the pipe ends with the process at its other end.
    readable, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(readable) and not os.read(sys.stdin.fileno(), 1024)
