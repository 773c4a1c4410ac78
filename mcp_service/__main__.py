"""`python -m mcp_service`: the MCP service as a process.

With `--lent` it is what a desktop client brings along for itself: on any free port, until that client is gone, or until
another service wants the knowledge.
"""

import asyncio
import os
import select
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from dynavera.credentials import first_user_token
from dynavera.records.database import Database, DatabaseAway
from dynavera.records.migrate import SchemaTooNew, migrate
from dynavera.records.users import Users
from dynavera.settings import EVERY_INTERFACE, BadSettings, Settings, load_settings
from dynavera.telemetry import configure
from mcp_service.turns import is_wanted, served_at, wanted

LENT = "--lent"
LOOK_SECONDS = 0.2
"""How often a lent service looks whether it is still needed."""

GRACE_SECONDS = 3
"""How long open streams get at the end, before they are cut."""


class CannotWrite(Exception):
    """The data directory cannot be made."""


class CannotListen(Exception):
    """The port is taken, or the address is not of this machine."""


def main() -> None:
    """Serve until a signal says stop; what cannot be started is one sentence and exit code 1."""
    lent = LENT in sys.argv[1:]
    try:
        settings = load_settings()
        configure(settings)
        _make_folder(settings.data_dir)
        listening = _listen("127.0.0.1", 0) if lent else _listen(settings.mcp_host, settings.mcp_port)
    except (BadSettings, CannotWrite, CannotListen) as error:
        sys.exit(str(error))
    sys.exit(asyncio.run(_serve(settings, listening, lent=lent)))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"The data directory {str(folder)!r} cannot be made: {error.strerror}. "
            "Set DYNAVERA_DATA_DIR to another one."
        ) from error


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # A socket that names its protocol gets TCP_NODELAY from asyncio; without it each answer waits for 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise CannotListen(
            f"The MCP service cannot listen on {host}:{port}: {error.strerror}. "
            "Set DYNAVERA_MCP_PORT (and DYNAVERA_MCP_HOST) to another one."
        ) from error
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    here = "127.0.0.1" if host in EVERY_INTERFACE else host
    return f"http://{f'[{here}]' if ':' in here else here}:{port}"


async def _serve(settings: Settings, listening: socket.socket, *, lent: bool) -> str | int:
    # The port is checked before anything that takes time is imported.
    from mcp_service.knowledge.embedders import EmbedderUnavailable
    from mcp_service.knowledge.knowledge import KnowledgeInUse
    from mcp_service.refusals import Refused
    from mcp_service.server import create_app

    folder = settings.data_dir / "knowledge"
    database = Database(settings.records_url)
    try:
        await migrate(database)
        await Users(database).ensure_first(first_user_token(settings).get_secret_value())
        app = create_app(settings, database)
        async with AsyncExitStack() as opened:
            with nullcontext() if lent else wanted(folder):
                # The lifespan is entered here, so that what goes wrong in it is a sentence and no traceback.
                await opened.enter_async_context(app.router.lifespan_context(app))
            server = _Server.of(app)
            if lent:
                await opened.enter_async_context(_ended_when_not_needed(server, folder))
            opened.enter_context(served_at(folder, _address(listening)))
            await server.serve(sockets=[listening])
    except (DatabaseAway, SchemaTooNew, EmbedderUnavailable, KnowledgeInUse, Refused) as error:
        return str(error)
    finally:
        await database.close()
    return 0


@asynccontextmanager
async def _ended_when_not_needed(server: uvicorn.Server, folder: Path) -> AsyncGenerator[None]:
    async def look() -> None:
        while True:
            if _is_client_gone() or is_wanted(folder):
                server.should_exit = True
                return
            await asyncio.sleep(LOOK_SECONDS)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()


def _is_client_gone() -> bool:
    # Standard input is a pipe that nobody writes to: it ends with the process at the other end, however that ends.
    readable, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(readable) and not os.read(sys.stdin.fileno(), 1024)


class _Server(uvicorn.Server):
    """A server that ends in order on a signal, and lets the rest of the process end in order after it."""

    @classmethod
    def of(cls, app: ASGIApp) -> "_Server":
        return cls(
            uvicorn.Config(
                app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_SECONDS
            )
        )

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


if __name__ == "__main__":
    main()
