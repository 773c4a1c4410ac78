"""The worker process: from its settings to an orderly shutdown."""

import asyncio
import logging

from pydantic import SecretStr
from temporalio.worker import UnsandboxedWorkflowRunner

from activities.mcp_client import McpService
from dynavera.bus.open_bus import open_bus
from dynavera.credentials import mcp_token
from dynavera.records.logs import Logs
from dynavera.records.migrate import migrate
from dynavera.records.open_database import open_database
from dynavera.settings import Settings
from dynavera.startup import on_signals, resume_gc
from dynavera.telemetry import configure
from workflows.connection import connected
from workflows.worker import running_worker

logger = logging.getLogger(__name__)


async def work(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        CannotStart: the worker cannot run.
    """
    configure(settings)
    async with open_database(settings) as database:
        await migrate(database)
        resume_gc()
        await _work(settings, Logs(database), mcp_token(settings))


async def _work(settings: Settings, logs: Logs, token: SecretStr) -> None:
    """Run once Temporal answers; at the end, generations get a grace period before they are interrupted."""
    stopping = asyncio.Event()
    on_signals(lambda _number: stopping.set())
    client_task = asyncio.create_task(connected(settings))
    stop_task = asyncio.create_task(stopping.wait())
    await asyncio.wait({client_task, stop_task}, return_when=asyncio.FIRST_COMPLETED)
    if client_task.done():
        async with (
            McpService(settings.mcp_base_url, token) as mcp,
            open_bus(settings) as bus,
            running_worker(
                client_task.result(),
                settings.task_queue,
                mcp,
                logs,
                settings.signal_budget,
                UnsandboxedWorkflowRunner(),
                bus,
            ),
        ):
            logger.info("The worker runs executions of the task queue %r.", settings.task_queue)
            await stop_task
    client_task.cancel()
