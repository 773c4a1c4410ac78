"""The API process: `python -m api`."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from pydantic import SecretStr

from api.app import create_app
from api.arrivals import Arrivals
from api.changes import Changes
from api.dependencies import Services
from api.execution_log import ExecutionLog
from api.executions import Executions
from api.knowledge import Knowledge, mcp_client
from api.parts import Parts
from api.relay import Relay
from api.streams import Streams
from api.sweep import Sweep
from api.temporal import Temporal
from dynavera.credentials import first_user_token, mcp_token
from dynavera.limits import READER_PATIENCE
from dynavera.records import executions as records
from dynavera.records.agents import Agents
from dynavera.records.database import Database, DatabaseAway
from dynavera.records.deliveries import Deliveries
from dynavera.records.logs import Logs
from dynavera.records.migrate import SchemaTooNew, migrate
from dynavera.records.users import Users
from dynavera.settings import BadSettings, Settings, load_settings
from dynavera.starting import CannotStart, prepare_records_folder
from dynavera.telemetry import configure
from workflows.connection import connect, namespace_of

LARGEST_SOCKET_MESSAGE = 256 * 1024
"""Bytes of one message to the WebSocket: an input of 64 KiB, however it is escaped."""

GRACE_SECONDS = 5
"""What open requests and streams get after SIGTERM."""


class PortTaken(Exception):
    """Another program listens there."""


async def run(settings: Settings, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    database = Database(settings.records_url)
    await migrate(database)
    await Users(database).ensure_first(first_user_token(settings).get_secret_value())
    temporal = Temporal(await connect(settings, lazy=True), settings.task_queue, settings.execution_time_limit)
    async with assembled(settings, database, temporal, mcp_token(settings)) as (services, sweep):
        server = Server(_config(services))
        sweeping = asyncio.create_task(sweep.run())
        # Without the sweep what is accepted could be lost: the process ends then, and is started again.
        sweeping.add_done_callback(server.end)
        try:
            await server.serve(sockets=[listening])
        finally:
            sweeping.cancel()
            await asyncio.wait({sweeping})
            await database.close()
    if not sweeping.cancelled():
        sweeping.result()


@asynccontextmanager
async def assembled(
    settings: Settings, database: Database, temporal: Temporal, token: SecretStr
) -> AsyncGenerator[tuple[Services, Sweep]]:
    """The real parts behind the routes, and the sweep that somebody must run; `token` is for the MCP service."""
    agents, logs = Agents(database), Logs(database)
    executions = records.Executions(database, settings.temporal_web_executions(namespace_of(settings)))
    log = ExecutionLog(logs, temporal)
    sweep = Sweep(Deliveries(database), logs, temporal)
    async with mcp_client(settings, token) as client:
        knowledge = Knowledge(client)
        services = Services(
            settings=settings,
            users=Users(database),
            agents=agents,
            executions=Executions(agents, executions, log, temporal, sweep),
            knowledge=knowledge,
            health=Parts(database, temporal, knowledge),
            streams=Streams(Relay(log), Arrivals(executions), Changes(executions)),
        )
        yield services, sweep


class Server(uvicorn.Server):
    """uvicorn, which ends in order at a signal instead of dying by it once more at the end."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """End at SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    def end(self, _reason: object) -> None:
        """End as soon as open requests allow."""
        self.should_exit = True


def main() -> int:
    """Run the API; the exit code."""
    try:
        settings = load_settings()
        configure(settings)
        prepare_records_folder(settings)
        with _listening(settings.host, settings.port) as listening:
            asyncio.run(run(settings, listening))
    except (BadSettings, CannotStart, PortTaken, DatabaseAway, SchemaTooNew) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio sets TCP_NODELAY; without, each answer on a kept connection waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Whoever acknowledges nothing for so long is gone; the kernel drops it, and its stream ends.
        milliseconds = int(READER_PATIENCE.total_seconds() * 1000)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise PortTaken(
            f"The API cannot listen on {host}:{port} ({error.strerror}). "
            "Stop what uses it, or set DYNAVERA_PORT (or DYNAVERA_HOST) to another."
        ) from error
    listening.listen(2048)
    listening.setblocking(False)  # noqa: FBT003 -- the standard library's signature
    return listening


def _config(services: Services) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(services),
        log_config=None,
        access_log=False,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=LARGEST_SOCKET_MESSAGE,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


if __name__ == "__main__":
    sys.exit(main())
