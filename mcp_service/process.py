"""The MCP service in its process: from the settings and a socket that listens to the exit code."""

import asyncio
import os
import select
import socket
import sys
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path

import structlog

from dynavera.records.database import Database, DatabaseAway
from dynavera.records.migrate import SchemaTooNew, migrate
from dynavera.records.owner import ensure_owner
from dynavera.settings import ALL_INTERFACES, Settings
from dynavera.startup import CannotStart, resume_gc
from dynavera.telemetry import configure
from dynavera.web.server import Server, server_config
from mcp_service.knowledge.embedders import EmbedderUnavailable
from mcp_service.knowledge.knowledge import KnowledgeInUse
from mcp_service.refusals import Refused
from mcp_service.server import create_app
from mcp_service.service import Service
from mcp_service.turns import is_wanted, served_at, wanted

LOOK_SECONDS = 0.2
"""How often a lent service looks whether it is still needed."""

GRACE_SECONDS = 3
"""How long open streams get at the end, before they are cut."""

_log = structlog.get_logger(__name__)


async def serve(settings: Settings, listening: socket.socket, *, lent: bool) -> str | int:
    """Serve until a signal says stop: 0, or the sentence that says why it cannot be."""
    configure(settings)
    database = Database(settings.records_url)
    try:
        # A generator that cannot be used is refused before anything is made, or said.
        app = create_app(settings, database)
        await migrate(database)
        await ensure_owner(database, settings, _log.info)
        # The lifespan is entered below, so that what goes wrong in it is a sentence and no traceback.
        server = Server(server_config(app, settings, grace_seconds=GRACE_SECONDS, lifespan="off"))
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(app.router.lifespan_context(app))
            folder, url = settings.data_dir / "knowledge", _address(listening)
            announcing = _announced(app.state.service, server, folder, url, lent=lent)
            await opened.enter_async_context(_meanwhile(announcing))
            if lent:
                await opened.enter_async_context(_meanwhile(_ended_when_not_needed(server, folder)))
            resume_gc()
            await server.serve(sockets=[listening])
    except (CannotStart, DatabaseAway, SchemaTooNew, EmbedderUnavailable, KnowledgeInUse, Refused) as error:
        return str(error)
    finally:
        await database.close()
    return 0


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    here = "127.0.0.1" if host in ALL_INTERFACES else host
    return f"http://{f'[{here}]' if ':' in here else here}:{port}"


@asynccontextmanager
async def _meanwhile(work: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    working = asyncio.create_task(work)
    try:
        yield
    finally:
        working.cancel()
        await asyncio.wait({working})
        if not working.cancelled():
            working.result()


async def _announced(service: Service, server: Server, folder: Path, url: str, *, lent: bool) -> None:
    """Ask for the knowledge, and say where it is once it is open; end the server when it cannot be opened."""
    with nullcontext() if lent else wanted(folder):
        is_open = await service.knowledge.is_open()
    if not is_open:
        server.end()
        return
    with served_at(folder, url):
        await asyncio.Event().wait()


async def _ended_when_not_needed(server: Server, folder: Path) -> None:
    while True:
        if _is_client_gone() or is_wanted(folder):
            server.end()
            return
        await asyncio.sleep(LOOK_SECONDS)


def _is_client_gone() -> bool:
    # Standard input is a pipe that nobody writes to: it ends with the process at the other end, however that ends.
    readable, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(readable) and not os.read(sys.stdin.fileno(), 1024)
