"""The worker: its workflows, activities, and timeouts."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol

from temporalio.client import Client
from temporalio.worker import Worker, WorkflowRunner

from activities.batches import SignalBudget
from activities.clock import current_time
from activities.generation import GenerationActivities, Generators
from activities.knowledge import Knowledge, KnowledgeActivities
from activities.records import RecordActivities
from dynavera.bus.bus import EventBus
from dynavera.limits import (
    GENERATION_SHUTDOWN_GRACE,
    HANDOVER_DELAY,
    HEARTBEAT_INTERVAL,
    MAX_CONCURRENT_GENERATIONS,
    SHORT_ACTIVITY_SHUTDOWN_GRACE,
    STICKY_TIMEOUT,
)
from dynavera.records.logs import Logs
from workflows.agent_execution import AgentExecution, generations_queue
from workflows.publishing import LogPublisher, PublishingRunner
from workflows.replay_guard import ReplayGuard


class McpService(Knowledge, Generators, Protocol):
    """The MCP service, as used by the activities."""


@asynccontextmanager
async def running_worker(
    client: Client,
    task_queue: str,
    mcp: McpService,
    logs: Logs,
    signal_budget: int,
    runner: WorkflowRunner,
    bus: EventBus,
    generation_grace: timedelta = GENERATION_SHUTDOWN_GRACE,
) -> AsyncGenerator[None]:
    """Execute agents while the block runs; `runner` runs workflows, and their events go to `bus`.

    Generations have a Temporal worker of their own, so that short activities (outcomes, stops) never queue behind
    generations that wait for their models. It shuts down first, so that workflows still process its last results; at
    the end, generations get `generation_grace`.
    """
    knowledge = KnowledgeActivities(mcp)
    budget = SignalBudget(signal_budget)
    generation = GenerationActivities(mcp, client, budget, bus)
    records = RecordActivities(logs)
    publisher = LogPublisher(bus, asyncio.get_running_loop())
    executing = Worker(
        client,
        task_queue=task_queue,
        workflows=[AgentExecution],
        activities=[
            knowledge.retrieve,
            generation.stop_generation,
            records.begin_execution,
            records.archive_events,
            records.record_outcome,
            current_time,
        ],
        workflow_runner=ReplayGuard(PublishingRunner(runner, publisher)),
        interceptors=[publisher],
        max_heartbeat_throttle_interval=HEARTBEAT_INTERVAL,
        default_heartbeat_throttle_interval=HEARTBEAT_INTERVAL,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        graceful_shutdown_timeout=SHORT_ACTIVITY_SHUTDOWN_GRACE,
    )
    generating = Worker(
        client,
        task_queue=generations_queue(task_queue),
        activities=[generation.generate],
        interceptors=[publisher],
        max_concurrent_activities=MAX_CONCURRENT_GENERATIONS,
        max_heartbeat_throttle_interval=HEARTBEAT_INTERVAL,
        default_heartbeat_throttle_interval=HEARTBEAT_INTERVAL,
        graceful_shutdown_timeout=generation_grace,
    )
    async with executing:
        async with generating:
            yield
            interrupted = budget.generations
        if interrupted:
            await asyncio.sleep(HANDOVER_DELAY.total_seconds())
