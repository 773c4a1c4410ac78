"""The real parts that an execution needs, and a fake MCP service."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollActivityTaskQueueRequest, RecordActivityTaskHeartbeatRequest
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.batches import REPORT, EventBatch, SignalBudget
from activities.generation import GenerationActivities
from api.live.log import ExecutionLog
from api.live.relay import Relay
from api.sweep import Sweep
from api.temporal import Temporal
from dynavera.bus.bus import EventBus, NoBus
from dynavera.contracts.agents import Agent, AgentSettings
from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import Delta, DeltaContent, ExecutionEvent, ExecutionStopped, Progress, TerminalEvent
from dynavera.contracts.execution_view import ExecutionView
from dynavera.contracts.users import User
from dynavera.records.agents import Agents
from dynavera.records.database import Database
from dynavera.records.deliveries import Deliveries
from dynavera.records.executions import Executions
from dynavera.records.logs import Logs
from dynavera.records.migrate import migrate
from tests.owner import create_owner
from tests.temporal import temporal_server
from tests.workflows.executing import executing, executing_in_process
from tests.workflows.fakes import FakeMcp
from tests.workflows.sandbox import sandbox
from workflows.agent_execution import generations_queue
from workflows.worker import running_worker

TIMEOUT_SECONDS = 30
QUEUE = "tests"


@dataclass
class World:
    environment: WorkflowEnvironment
    database_url: str
    database: Database
    user: User
    agent: Agent
    records: Executions
    logs: Logs
    deliveries: Deliveries
    temporal: Temporal
    log: ExecutionLog
    sweep: Sweep
    mcp: FakeMcp
    bus: EventBus = field(default_factory=NoBus)

    def worker(self) -> AbstractAsyncContextManager[None]:
        return running_worker(self.environment.client, QUEUE, self.mcp, self.logs, 100, sandbox(), self.bus)

    def executing(self) -> Worker:
        """A worker that executes workflows but generates nothing."""
        return executing(self.environment.client, QUEUE, self.logs, self.mcp)

    def executing_in_process(self) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
        """Such a worker in a separate process."""
        return executing_in_process(self.environment.client, QUEUE, self.database_url)

    def generating(self) -> Worker:
        """A worker that generates but executes no workflows."""
        client = self.environment.client
        generate = GenerationActivities(self.mcp, client, SignalBudget(100), self.bus).generate
        return Worker(client, task_queue=generations_queue(QUEUE), activities=[generate])

    async def start(self, query: str = "What is fNIRS?") -> UUID:
        execution = await self.records.accept(self.user.id, self.agent.id, {"query": query})
        await self.sweep.deliver()
        return execution.id

    async def stop(self, execution_id: UUID) -> None:
        await self.records.request_stop(self.user.id, execution_id)
        self.sweep.stop_soon(execution_id)

    async def events(self, execution_id: UUID) -> list[ExecutionEvent]:
        """The whole log, followed live to its end; checks that it has no gaps and equals the records."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            events = [entry.event async for entry in Relay(self.log).follow(execution_id, 0)]
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert await self.logs.events(execution_id, 0, 100_000) == events
        return events

    async def closed_as(self, execution_id: UUID) -> str:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (closing := await self.temporal.closing(execution_id)) is None:
                await asyncio.sleep(0.02)
        return closing.status.name

    async def history_has(self, execution_id: UUID, event: str, count: int = 1) -> None:
        """Wait until the workflow's history has `count` events of this kind."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not await self.history_holds(execution_id, event, count):
                await asyncio.sleep(0.05)

    async def history_holds(self, execution_id: UUID, event: str, count: int = 1) -> bool:
        """Whether the workflow's history has `count` events of this kind by now."""
        history = await self.environment.client.get_workflow_handle(str(execution_id)).fetch_history()
        return sum(event in EventType.Name(one.event_type) for one in history.events) >= count

    async def history_schedules(self, execution_id: UUID, activity: str) -> None:
        """Wait until the workflow has scheduled this activity."""
        handle = self.environment.client.get_workflow_handle(str(execution_id))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not any(
                event.activity_task_scheduled_event_attributes.activity_type.name == activity
                for event in (await handle.fetch_history()).events
            ):
                await asyncio.sleep(0.05)

    async def send_letter(self, execution_id: UUID, index: int, letter: str, seconds: float) -> None:
        """Send the workflow another letter of the answer, dated `seconds` from now."""
        at = utc_now() + timedelta(seconds=seconds)
        batch = EventBatch(attempt=1, index=index, at=at, contents=[DeltaContent(offset=index, text=letter)])
        await self.environment.client.get_workflow_handle(str(execution_id)).signal(REPORT, batch)

    async def take_generation_and_vanish(self) -> datetime:
        """Take the next generation, send one heartbeat, and nothing more; the time of the heartbeat."""
        client, queue = self.environment.client, TaskQueue(name=generations_queue(QUEUE))
        taken = await client.workflow_service.poll_activity_task_queue(
            PollActivityTaskQueueRequest(namespace=client.namespace, task_queue=queue, identity="vanished")
        )
        last = utc_now()
        details = await client.data_converter.encode([last])
        await client.workflow_service.record_activity_task_heartbeat(
            RecordActivityTaskHeartbeatRequest(
                namespace=client.namespace, task_token=taken.task_token, details=Payloads(payloads=details)
            )
        )
        return last

    async def wait_until_idle(self, execution_id: UUID) -> None:
        """Wait until the log has not grown for five polls."""
        last = 0
        for _ in range(5):
            while (now := (await self.log.last_sequences([execution_id]))[execution_id]) != last:
                last = now
            await asyncio.sleep(0.05)

    async def wait_for_text(self, execution_id: UUID, text: str) -> None:
        """Wait until an event contains `text`."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            async for entry in Relay(self.log).follow(execution_id, 0):
                if text in entry.json:
                    return
        raise AssertionError(f"the log ended without {text!r}")


@dataclass(frozen=True)
class LogsThatStop(Logs):
    """Logs of executions that are stopped right after their outcome is stored, once each."""

    here: World
    stopped: set[UUID] = field(default_factory=set[UUID])

    async def finish(self, tail: list[ExecutionEvent], event: TerminalEvent) -> TerminalEvent:
        stored = await super().finish(tail, event)
        if event.execution_id not in self.stopped:
            self.stopped.add(event.execution_id)
            await self.here.environment.client.get_workflow_handle(str(event.execution_id)).cancel()
        return stored


@asynccontextmanager
async def world(folder: Path) -> AsyncGenerator[World]:
    database_url = f"sqlite+aiosqlite:///{folder / 'records.sqlite3'}"
    database = Database(database_url)
    await migrate(database)
    user = await create_owner(database, "token")
    agent = await Agents(database).create(user.id, AgentSettings(name="Tester"))
    records, logs, deliveries = Executions(database, "http://temporal.test"), Logs(database), Deliveries(database)
    mcp = FakeMcp()
    async with temporal_server() as environment:
        temporal = Temporal(environment.client, QUEUE, timedelta(hours=1))
        log = ExecutionLog(logs, temporal)
        yield World(
            environment,
            database_url,
            database,
            user,
            agent,
            records,
            logs,
            deliveries,
            temporal,
            log,
            Sweep(Agents(database), deliveries, logs, temporal, mcp),
            mcp,
        )
    await database.close()


def answer_of(events: list[ExecutionEvent]) -> str:
    """The answer, folded from its deltas."""
    return ExecutionView.of(event for event in events if isinstance(event, Delta)).answer


def failed_attempts(events: list[ExecutionEvent]) -> list[Progress]:
    return [event for event in events if isinstance(event, Progress) and event.content.attempt is not None]


def stopped(events: list[ExecutionEvent]) -> ExecutionStopped:
    assert isinstance(events[-1], ExecutionStopped)
    return events[-1]
