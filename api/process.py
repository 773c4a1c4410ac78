"""The API as a process: from its settings and a listening socket to an orderly shutdown."""

import asyncio
import math
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import structlog
from pydantic import SecretStr

from activities.mcp_client import McpService
from api.app import create_app
from api.dependencies import Services
from api.execution_service import ExecutionService
from api.health_checks import HealthChecks
from api.knowledge import Knowledge, mcp_client
from api.limits import ApiLimits
from api.live.changes import ExecutionChanges
from api.live.discovery import NewExecutions
from api.live.log import ExecutionLog
from api.live.previews import Previews
from api.live.relay import Relay
from api.sweep import Sweep
from api.temporal import Temporal
from dynavera.bus.messages import BusMessage
from dynavera.bus.open_bus import open_bus
from dynavera.credentials import mcp_token, owner_token
from dynavera.records import executions as records
from dynavera.records.agents import Agents
from dynavera.records.database import Database
from dynavera.records.deliveries import Deliveries
from dynavera.records.logs import Logs
from dynavera.records.migrate import migrate
from dynavera.records.open_database import open_database
from dynavera.records.owner import ensure_owner
from dynavera.records.sessions import Sessions
from dynavera.records.users import Users
from dynavera.settings import Settings
from dynavera.startup import resume_gc
from dynavera.telemetry import configure
from dynavera.web.server import Server, server_config
from workflows.connection import connect, namespace_of

_log = structlog.get_logger(__name__)


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        CannotStart: the API cannot run.
    """
    configure(settings)
    async with open_database(settings) as database:
        await migrate(database)
        await ensure_owner(database, settings, _log.info)
        await _serve(settings, database, listener)


async def _serve(settings: Settings, database: Database, listener: socket.socket) -> None:
    temporal = Temporal(await connect(settings, lazy=True), settings.task_queue, settings.execution_time_limit)
    async with open_services(settings, database, temporal, mcp_token(settings)) as (services, sweep):
        limits = services.limits
        config = server_config(
            create_app(services),
            settings,
            grace_seconds=math.ceil(limits.shutdown_timeout.total_seconds()),
            largest_message=limits.socket_message_bytes,
            limits=limits.http,
        )
        server = Server(config)
        sweeping = asyncio.create_task(sweep.run())
        # Without the sweep, accepted starts could be lost: end the process, so that it is restarted.
        sweeping.add_done_callback(server.end)
        resume_gc()
        try:
            await server.serve(sockets=[listener])
        finally:
            sweeping.cancel()
            await asyncio.wait({sweeping})
    if not sweeping.cancelled():
        sweeping.result()


@asynccontextmanager
async def open_services(
    settings: Settings,
    database: Database,
    temporal: Temporal,
    token: SecretStr,
    limits: ApiLimits = ApiLimits(),  # noqa: B008 -- frozen
) -> AsyncGenerator[tuple[Services, Sweep]]:
    """The services behind the routes, and the sweep, which the caller runs; `token` is for the MCP service."""
    agents, logs = Agents(database), Logs(database)
    executions = records.Executions(database, settings.temporal_web_executions(namespace_of(settings)))
    log = ExecutionLog(logs, temporal, limits.concurrent_queries)
    deliveries = Deliveries(database)
    async with (
        mcp_client(settings, token, limits.mcp) as client,
        McpService(settings.mcp_base_url, token, preload=False) as generators,
        open_bus(settings) as bus,
    ):
        sweep = Sweep(agents, deliveries, logs, temporal, generators, limits.sweep)
        knowledge = Knowledge(client, limits.mcp)
        services = Services(
            settings=settings,
            limits=limits,
            users=Users(database, owner_token(settings)),
            sessions=Sessions(database, settings.session_lifetime),
            agents=agents,
            executions=ExecutionService(agents, executions, log, temporal, sweep, bus),
            knowledge=knowledge,
            health=HealthChecks(database, deliveries, temporal, knowledge, limits.health_timeout),
            relay=Relay(log, limits.polling),
            previews=Previews(),
            new_executions=NewExecutions(executions, limits.discovery_interval),
            execution_changes=ExecutionChanges(executions, limits.discovery_interval),
        )

        def receive(message: BusMessage) -> None:
            services.relay.receive(message)
            services.previews.receive(message)
            services.new_executions.receive(message)

        async with bus.subscribe(receive):
            yield services, sweep
