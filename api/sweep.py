"""The sweep: delivers starts and stops to Temporal, records executions that ended there, and removes deleted logs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from temporalio.client import WorkflowExecutionStatus

from activities.mcp_errors import McpAway, McpRefused
from api.limits import SweepLimits
from api.temporal import Closing, FailingTask, Temporal, TemporalAway, TemporalRefused, WorkflowNotFound
from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import ExecutionEvent
from dynavera.contracts.mcp import GenerationStopped
from dynavera.records.agents import Agents
from dynavera.records.database import DatabaseAway
from dynavera.records.deliveries import Deliveries, Live
from dynavera.records.logs import Abandoned, ExecutionNotFound, Logs

logger = logging.getLogger(__name__)

CLOSE_REASONS = {
    WorkflowExecutionStatus.TERMINATED: ("terminated", "The execution was terminated in Temporal"),
    WorkflowExecutionStatus.TIMED_OUT: ("timed_out", "The execution timed out in Temporal"),
}


class Generators(Protocol):
    """The generators of the MCP service."""

    async def stop_generation(self, user_id: UUID, operation_id: str) -> GenerationStopped:
        """Stop a generation; returns once the generator has stopped."""
        ...


@dataclass(frozen=True)
class Sweep:
    """Delivers starts and stops at once, and retries until they are delivered; every API process may run one."""

    agents: Agents
    deliveries: Deliveries
    logs: Logs
    temporal: Temporal
    generators: Generators
    limits: SweepLimits = field(default_factory=SweepLimits)
    _running_deliveries: set[asyncio.Task[object]] = field(default_factory=set["asyncio.Task[object]"])

    def start_soon(self, execution_id: UUID) -> None:
        """Start the workflow in the background; if that fails, the next sweep retries."""
        self._run_in_background(self._start(execution_id))

    def stop_soon(self, execution_id: UUID) -> None:
        """Cancel the workflow in the background; if that fails, the next sweep retries."""
        self._run_in_background(self._stop(execution_id))

    async def deliver(self) -> None:
        """Deliver starts and stops that have not reached Temporal, and end executions whose workflow ignores a stop.

        Raises:
            TemporalAway: Temporal does not answer.
            DatabaseAway: the records do not answer.
        """
        for execution_id in await self.deliveries.not_started():
            with isolate_errors(execution_id):
                if await self._start(execution_id):
                    await self.deliveries.note_started(execution_id)
        for execution_id in await self.deliveries.stops_not_delivered():
            with isolate_errors(execution_id):
                await self._stop(execution_id)
        for user_id, execution_id in await self.deliveries.stops_not_carried_out(
            before=utc_now() - self.limits.stop_timeout
        ):
            with isolate_errors(execution_id):
                await self._stop_without_workflow(user_id, execution_id)

    async def inspect(self) -> None:
        """Record executions that ended in Temporal only, and end those that cannot continue there.

        Raises:
            TemporalAway: Temporal does not answer.
            DatabaseAway: the records do not answer.
        """
        async for execution in self.deliveries.live(before=utc_now() - self.limits.inspection_age):
            with isolate_errors(execution.execution_id):
                await self._inspect(execution)

    async def remove(self) -> None:
        """Remove the logs of deleted agents in small transactions, so that others can write meanwhile.

        Raises:
            DatabaseAway: the records do not answer.
        """
        while await self.agents.remove_deleted():  # noqa: ASYNC110 -- each step removes a part
            await asyncio.sleep(self.limits.removal_pause.total_seconds())

    async def run(self) -> None:
        """Sweep until cancelled."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(_run_regularly(self.deliver, self.limits.interval))
            loops.create_task(_run_regularly(self.inspect, self.limits.inspection_interval))
            loops.create_task(_run_regularly(self.remove, self.limits.interval))

    def _run_in_background(self, delivery: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(delivery)
        self._running_deliveries.add(task)
        task.add_done_callback(self._log_failure)

    def _log_failure(self, task: asyncio.Task[object]) -> None:
        self._running_deliveries.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("Delivery failed; retrying in the next sweep: %s", error)

    async def _start(self, execution_id: UUID) -> bool:
        """Whether Temporal has the workflow now; an execution that Temporal refuses fails with that reason."""
        workflow_input = await self.deliveries.workflow_input(execution_id)
        if workflow_input is None:
            return False
        try:
            await self.temporal.start(workflow_input)
        except TemporalRefused as refusal:
            ending = Abandoned(f"The execution cannot be started. {refusal}", "start_refused")
            await self._abandon(execution_id, [], ending)
            return False
        return True

    async def _stop(self, execution_id: UUID) -> None:
        try:
            await self.temporal.cancel(execution_id)
        except WorkflowNotFound:
            if not await self._has_nothing_to_stop(execution_id):
                return
        await self.deliveries.note_stop_delivered(execution_id)

    async def _inspect(self, execution: Live) -> None:
        execution_id = execution.execution_id
        try:
            state = await self.temporal.state(execution_id)
        except WorkflowNotFound:
            await self._abandon(execution_id, [], Abandoned("Temporal no longer has the execution.", "vanished"))
            return
        match state:
            case Closing():
                await self._record_closing(execution_id, state)
            case FailingTask():
                await self._note_failing_task(execution, state)
            case None if execution.obstacle is not None:
                await self.deliveries.note_obstacle(execution_id, None)
            case None:
                pass

    async def _record_closing(self, execution_id: UUID, closing: Closing) -> None:
        code, words = CLOSE_REASONS.get(closing.status, ("ended_in_temporal", "The execution ended in Temporal"))
        reason = await self.temporal.reason(execution_id)
        ending = Abandoned(f"{words}: {reason.rstrip('.')}." if reason else f"{words}.", code)
        await self._record_closed(execution_id, ending)

    async def _note_failing_task(self, execution: Live, task: FailingTask) -> None:
        """Record why an execution cannot continue; end it after the timeout."""
        obstacle = f"The execution cannot go on: {task.reason}"
        timeout = self.limits.nondeterminism_timeout if task.nondeterministic else self.limits.failing_task_timeout
        if utc_now() - task.since >= timeout:
            await self._end_without_workflow(execution.execution_id, Abandoned(obstacle, "cannot_go_on"))
        elif execution.obstacle != obstacle:
            await self.deliveries.note_obstacle(execution.execution_id, obstacle)

    async def _stop_without_workflow(self, user_id: UUID, execution_id: UUID) -> None:
        """Stop an execution whose workflow does not react: no worker runs, or none can replay it."""
        acknowledged_at = None
        try:
            stopped = await self.generators.stop_generation(user_id, str(execution_id))
            acknowledged_at = stopped.acknowledged_at
        except (McpAway, McpRefused) as error:
            logger.warning("The generator of execution %s did not acknowledge its stop: %s", execution_id, error)
        message = (
            f"Stopped on request; its workflow did not answer within {self.limits.stop_timeout.total_seconds():g} s."
        )
        await self._end_without_workflow(execution_id, Abandoned(message, "stopped", acknowledged_at))

    async def _end_without_workflow(self, execution_id: UUID, ending: Abandoned) -> None:
        # If this process dies after the termination, the next inspection records the outcome.
        with suppress(WorkflowNotFound):
            await self.temporal.terminate(execution_id, ending.message)
        await self._record_closed(execution_id, ending)

    async def _record_closed(self, execution_id: UUID, ending: Abandoned) -> None:
        """Record the outcome that is in the closed workflow's history, or else `ending`."""
        log = await self.temporal.history_log(execution_id)
        if log.ended is None:
            await self._abandon(execution_id, log.events, ending)
        else:
            await self.logs.adopt(log.events, log.ended)

    async def _abandon(self, execution_id: UUID, tail: list[ExecutionEvent], ending: Abandoned) -> None:
        try:
            await self.logs.abandon(execution_id, tail, ending)
        except ExecutionNotFound:
            logger.info("Execution %s was deleted meanwhile.", execution_id)

    async def _has_nothing_to_stop(self, execution_id: UUID) -> bool:
        """Whether Temporal has no workflow to stop, and will not get one."""
        try:
            return await self.temporal.closing(execution_id) is not None
        except WorkflowNotFound:
            return await self.deliveries.stop_requested_before(execution_id, self.limits.missing_workflow_timeout)


@contextmanager
def isolate_errors(execution_id: UUID) -> Generator[None]:
    """Keep an error of one execution from affecting others; if Temporal or the database is away, the sweep ends."""
    try:
        yield
    except TemporalRefused as refusal:
        logger.warning("Execution %s could not be swept: %s", execution_id, refusal)
    except (TemporalAway, DatabaseAway):
        raise
    except Exception:
        # An error of one execution, even a bug, must not keep the others from being swept.
        logger.exception("Execution %s could not be swept.", execution_id)


async def _run_regularly(sweep: Callable[[], Awaitable[None]], pause: timedelta) -> None:
    away = False
    while True:
        try:
            await sweep()
        except (TemporalAway, DatabaseAway) as error:
            if not away:
                logger.warning("The sweep is waiting: %s", error)
            away = True
        else:
            if away:
                logger.info("The sweep continues.")
            away = False
        await asyncio.sleep(pause.total_seconds())
