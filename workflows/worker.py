"""The worker: which workflows and activities it runs, and how soon it notices what."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

from temporalio.client import Client
from temporalio.worker import Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.batches import SignalBudget
from activities.clock import current_time
from activities.generation import GenerationActivities, Generators
from activities.knowledge import Knowledge, KnowledgeActivities
from activities.records import RecordActivities
from dynavera.limits import (
    CONCURRENT_GENERATIONS,
    GENERATION_GRACE,
    HANDING_OVER,
    HEARTBEAT_EVERY,
    SHORT_GRACE,
    STICKY_TIMEOUT,
)
from dynavera.records.logs import Logs
from workflows.agent_execution import AgentExecution, generations_queue
from workflows.replay_guard import ReplayGuard


class McpService(Knowledge, Generators, Protocol):
    """The MCP service, as the activities need it."""


@asynccontextmanager
async def working(
    client: Client, task_queue: str, mcp: McpService, logs: Logs, signal_budget: int, runner: WorkflowRunner
) -> AsyncGenerator[None]:
    """Work on agent executions for as long as the block runs, with workflows run by `runner`.

    Generations have a worker of their own: however many of them wait for their models, what takes milliseconds (an
    outcome, a stop) never waits for them. It ends first, and what it says at its end is still heard.
    """
    knowledge = KnowledgeActivities(mcp)
    budget = SignalBudget(signal_budget)
    generation = GenerationActivities(mcp, client, budget)
    records = RecordActivities(logs)
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
        workflow_runner=ReplayGuard(runner),
        max_heartbeat_throttle_interval=HEARTBEAT_EVERY,
        default_heartbeat_throttle_interval=HEARTBEAT_EVERY,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        graceful_shutdown_timeout=SHORT_GRACE,
    )
    generating = Worker(
        client,
        task_queue=generations_queue(task_queue),
        activities=[generation.generate],
        max_concurrent_activities=CONCURRENT_GENERATIONS,
        max_heartbeat_throttle_interval=HEARTBEAT_EVERY,
        default_heartbeat_throttle_interval=HEARTBEAT_EVERY,
        graceful_shutdown_timeout=GENERATION_GRACE,
    )
    async with executing:
        async with generating:
            yield
            handed_over = budget.generations
        if handed_over:
            await asyncio.sleep(HANDING_OVER.total_seconds())


def sandbox() -> WorkflowRunner:
    """Temporal's sandbox: in the tests it sees to it that the workflow stays deterministic.

    The worker itself runs without it: see docs/decisions/unsandboxed-workflows.md.
    """
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules("activities", "dynavera")
    )
