"""The worker in its process: from the settings to an end in order."""

import asyncio
import signal

from pydantic import SecretStr
from temporalio.worker import UnsandboxedWorkflowRunner

from activities.mcp_client import McpService
from dynavera.credentials import mcp_token
from dynavera.records.database import Database, DatabaseAway
from dynavera.records.logs import Logs
from dynavera.records.migrate import SchemaTooNew, migrate
from dynavera.settings import Settings
from dynavera.starting import CannotStart, done
from dynavera.telemetry import configure
from workflows.connection import connected
from workflows.worker import working


async def work(settings: Settings) -> str | int:
    """Work until SIGTERM or SIGINT: 0, or the sentence that says why it cannot be."""
    configure(settings)
    database = Database(settings.records_url)
    try:
        await migrate(database)
        done()
        await _until_a_signal(settings, Logs(database), mcp_token(settings))
    except (CannotStart, DatabaseAway, SchemaTooNew) as error:
        return str(error)
    finally:
        await database.close()
    return 0


async def _until_a_signal(settings: Settings, logs: Logs, token: SecretStr) -> None:
    """Work as soon as Temporal is there; what runs at the end is finished within the grace, or handed over."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    client_task = asyncio.create_task(connected(settings))
    stop_task = asyncio.create_task(stopping.wait())
    await asyncio.wait({client_task, stop_task}, return_when=asyncio.FIRST_COMPLETED)
    if client_task.done():
        async with (
            McpService(settings.mcp_base_url, token) as mcp,
            working(
                client_task.result(),
                settings.task_queue,
                mcp,
                logs,
                settings.signal_budget,
                UnsandboxedWorkflowRunner(),
            ),
        ):
            await stop_task
    client_task.cancel()
