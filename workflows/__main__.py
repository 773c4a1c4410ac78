"""The worker process: `python -m workflows`."""

import asyncio
import signal
import sys

from temporalio.worker import UnsandboxedWorkflowRunner

from activities.mcp_client import McpService
from dynavera.credentials import mcp_token
from dynavera.records.database import Database, DatabaseAway
from dynavera.records.logs import Logs
from dynavera.records.migrate import SchemaTooNew, migrate
from dynavera.settings import BadSettings, Settings, load_settings
from dynavera.starting import CannotStart, prepare_records_folder
from dynavera.telemetry import configure
from workflows.connection import connected
from workflows.worker import working


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; what runs then is finished within the grace, or handed over."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    database = Database(settings.records_url)
    await migrate(database)
    client_task = asyncio.create_task(connected(settings))
    stop_task = asyncio.create_task(stopping.wait())
    await asyncio.wait({client_task, stop_task}, return_when=asyncio.FIRST_COMPLETED)
    if client_task.done():
        async with (
            McpService(settings.mcp_base_url, mcp_token(settings)) as mcp,
            working(
                client_task.result(),
                settings.task_queue,
                mcp,
                Logs(database),
                settings.signal_budget,
                UnsandboxedWorkflowRunner(),
            ),
        ):
            await stop_task
    client_task.cancel()
    await database.close()


def main() -> int:
    """Run the worker; the exit code."""
    try:
        settings = load_settings()
        configure(settings)
        prepare_records_folder(settings)
        asyncio.run(run(settings))
    except (BadSettings, CannotStart, DatabaseAway, SchemaTooNew) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
