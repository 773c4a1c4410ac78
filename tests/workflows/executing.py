"""Workers that execute workflows but generate nothing, in this process or in a separate one that can be killed."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from activities.batches import SignalBudget
from activities.clock import current_time
from activities.generation import GenerationActivities
from activities.knowledge import KnowledgeActivities
from activities.records import RecordActivities
from dynavera.bus.bus import NoBus
from dynavera.records.database import Database
from dynavera.records.logs import Logs
from tests.workflows.fakes import FakeMcp
from tests.workflows.sandbox import sandbox
from workflows.agent_execution import AgentExecution
from workflows.replay_guard import ReplayGuard

STICKY_TIMEOUT = timedelta(seconds=3)
"""Longer than the product's, so that a test can act while a workflow task waits for a killed worker."""


def executing(client: Client, queue: str, logs: Logs, mcp: FakeMcp) -> Worker:
    """A worker that generates nothing."""
    records = RecordActivities(logs)
    return Worker(
        client,
        task_queue=queue,
        workflows=[AgentExecution],
        activities=[
            KnowledgeActivities(mcp).retrieve,
            GenerationActivities(mcp, client, SignalBudget(100), NoBus()).stop_generation,
            records.begin_execution,
            records.archive_events,
            records.record_outcome,
            current_time,
        ],
        workflow_runner=ReplayGuard(sandbox()),
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
    )


@asynccontextmanager
async def executing_in_process(
    client: Client, queue: str, database_url: str
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Such a worker in a separate process, which is killed at the end if it still runs."""
    address = client.service_client.config.target_host
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.workflows.executing", address, queue, database_url)
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _work(address: str, queue: str, database_url: str) -> None:
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    database = Database(database_url)
    async with executing(client, queue, Logs(database), FakeMcp()):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_work(*sys.argv[1:]))
