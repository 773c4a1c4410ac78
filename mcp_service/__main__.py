"""`python -m mcp_service`: the MCP service as a process."""

import asyncio
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from dynavera.credentials import first_user_token
from dynavera.records.database import Database, DatabaseAway
from dynavera.records.migrate import SchemaTooNew, migrate
from dynavera.records.users import Users
from dynavera.settings import BadSettings, Settings, load_settings
from dynavera.telemetry import configure

GRACE_SECONDS = 3
"""How long open streams get at the end, before they are cut."""


class CannotWrite(Exception):
    """The data directory cannot be made."""


class CannotListen(Exception):
    """The port is taken, or the address is not of this machine."""


def main() -> None:
    """Serve until a signal says stop; what cannot be started is one sentence and exit code 1."""
    try:
        settings = load_settings()
        configure(settings)
        _make_folder(settings.data_dir)
        listening = _listen(settings)
    except (BadSettings, CannotWrite, CannotListen) as error:
        sys.exit(str(error))
    sys.exit(asyncio.run(_serve(settings, listening)))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"The data directory {str(folder)!r} cannot be made: {error.strerror}. "
            "Set DYNAVERA_DATA_DIR to another one."
        ) from error


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.mcp_host else socket.AF_INET
    # A socket that names its protocol gets TCP_NODELAY from asyncio; without it each answer waits for 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.mcp_host, settings.mcp_port))
    except OSError as error:
        raise CannotListen(
            f"The MCP service cannot listen on {settings.mcp_host}:{settings.mcp_port}: {error.strerror}. "
            "Set DYNAVERA_MCP_PORT (and DYNAVERA_MCP_HOST) to another one."
        ) from error
    return listening


async def _serve(settings: Settings, listening: socket.socket) -> str | int:
    # The port is checked before anything that takes time is imported.
    from mcp_service.knowledge.embedders import EmbedderUnavailable
    from mcp_service.knowledge.knowledge import KnowledgeInUse
    from mcp_service.refusals import Refused
    from mcp_service.server import create_app

    database = Database(settings.records_url)
    try:
        await migrate(database)
        await Users(database).ensure_first(first_user_token(settings).get_secret_value())
        app = create_app(settings, database)
        # The lifespan is entered here, so that what goes wrong in it is a sentence and no traceback.
        async with app.router.lifespan_context(app):
            await _Server.of(app).serve(sockets=[listening])
    except (DatabaseAway, SchemaTooNew, EmbedderUnavailable, KnowledgeInUse, Refused) as error:
        return str(error)
    finally:
        await database.close()
    return 0


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
