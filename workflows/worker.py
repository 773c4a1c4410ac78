"""The worker: which workflows and activities it runs, and how soon it notices what."""

from typing import Protocol

from temporalio.client import Client
from temporalio.worker import Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.batches import SignalBudget
from activities.generation import GenerationActivities, Generators
from activities.knowledge import Knowledge, KnowledgeActivities
from activities.records import RecordActivities
from dynavera.limits import CONCURRENT_ACTIVITIES, HEARTBEAT_EVERY, STICKY_TIMEOUT, WORKER_GRACE
from dynavera.records.executions import Executions
from workflows.agent_execution import AgentExecution


class McpService(Knowledge, Generators, Protocol):
    """The MCP service, as the activities need it."""


def build_worker(
    client: Client, task_queue: str, mcp: McpService, executions: Executions, signal_budget: int
) -> Worker:
    """A worker of agent executions."""
    knowledge = KnowledgeActivities(mcp)
    generation = GenerationActivities(mcp, client, SignalBudget(signal_budget))
    records = RecordActivities(executions)
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[AgentExecution],
        activities=[
            knowledge.retrieve,
            generation.generate,
            generation.stop_generation,
            records.begin_execution,
            records.archive_events,
            records.record_outcome,
        ],
        workflow_runner=sandbox(),
        max_concurrent_activities=CONCURRENT_ACTIVITIES,
        max_heartbeat_throttle_interval=HEARTBEAT_EVERY,
        default_heartbeat_throttle_interval=HEARTBEAT_EVERY,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        graceful_shutdown_timeout=WORKER_GRACE,
    )


def sandbox() -> WorkflowRunner:
    """Temporal's sandbox: it keeps the workflow deterministic."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules("activities", "dynavera")
    )
