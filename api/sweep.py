"""What was accepted reaches Temporal, and what ended there without a word is recorded."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from temporalio.client import WorkflowExecutionStatus

from api.temporal import Closing, Temporal, TemporalAway, TemporalRefuses, WorkflowUnknown
from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import ExecutionEvent
from dynavera.limits import INSPECT_EVERY, SWEEP_EVERY
from dynavera.records.database import DatabaseAway
from dynavera.records.deliveries import Deliveries
from dynavera.records.logs import ExecutionNotFound, Logs

logger = logging.getLogger(__name__)

SETTLED = timedelta(seconds=10)
"""How old an execution is before it is compared with Temporal: younger ones are on their way."""

TAIL_PATIENCE = timedelta(seconds=30)
"""How long the tail of a closed workflow is asked for before the log ends without it."""

NEVER_STARTED = timedelta(seconds=60)
"""How long a stop looks for a workflow that another process may just be starting."""

WORDS = {
    WorkflowExecutionStatus.TERMINATED: ("terminated", "The execution was terminated in Temporal"),
    WorkflowExecutionStatus.TIMED_OUT: ("timed_out", "The execution timed out in Temporal"),
}


@dataclass(frozen=True)
class Sweep:
    """Delivers starts and stops, at once and again until they are delivered; every API process may run one."""

    deliveries: Deliveries
    logs: Logs
    temporal: Temporal
    _soon: set[asyncio.Task[object]] = field(default_factory=set["asyncio.Task[object]"])

    def start_soon(self, execution_id: UUID) -> None:
        """Start the workflow now, without waiting for it; where that fails, the next round does it."""
        self._run(self._start(execution_id))

    def stop_soon(self, execution_id: UUID) -> None:
        """Cancel the workflow now, without waiting for it; where that fails, the next round does it."""
        self._run(self._stop(execution_id))

    async def deliver(self) -> None:
        """Deliver what has not reached Temporal.

        Raises:
            TemporalAway: Temporal does not answer.
            DatabaseAway: the records do not answer.
        """
        for execution_id in await self.deliveries.not_started():
            with _alone(execution_id):
                if await self._start(execution_id):
                    await self.deliveries.note_started(execution_id)
        for execution_id in await self.deliveries.stops_not_delivered():
            with _alone(execution_id):
                await self._stop(execution_id)

    async def inspect(self) -> None:
        """Record what ended in Temporal without a word of its own: terminated, timed out, or gone.

        Raises:
            TemporalAway: Temporal does not answer.
            DatabaseAway: the records do not answer.
        """
        async for execution_id in self.deliveries.live(before=utc_now() - SETTLED):
            with _alone(execution_id):
                await self._inspect(execution_id)

    async def run(self) -> None:
        """Sweep until cancelled."""
        await asyncio.gather(_regularly(self.deliver, SWEEP_EVERY), _regularly(self.inspect, INSPECT_EVERY))

    def _run(self, delivery: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(delivery)
        self._soon.add(task)
        task.add_done_callback(self._delivered)

    def _delivered(self, task: asyncio.Task[object]) -> None:
        self._soon.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("It is delivered with the next round: %s", error)

    async def _start(self, execution_id: UUID) -> bool:
        """Whether Temporal has the workflow now; an execution that it refuses for good fails with its reason."""
        order = await self.deliveries.order(execution_id)
        if order is None:
            return False
        try:
            await self.temporal.start(order)
        except TemporalRefuses as refusal:
            await self._fail(execution_id, f"The execution cannot be started. {refusal}", "start_refused", [])
            return False
        return True

    async def _stop(self, execution_id: UUID) -> None:
        try:
            await self.temporal.cancel(execution_id)
        except WorkflowUnknown:
            if not await self._will_not_come(execution_id):
                return
        await self.deliveries.note_stop_delivered(execution_id)

    async def _inspect(self, execution_id: UUID) -> None:
        try:
            closing = await self.temporal.closing(execution_id)
        except WorkflowUnknown:
            await self._fail(execution_id, "Temporal does not know the execution any more.", "vanished", [])
            return
        if closing is not None:
            await self._record(execution_id, closing)

    async def _record(self, execution_id: UUID, closing: Closing) -> None:
        try:
            tail = await self._tail(execution_id)
        except TemporalAway:
            if utc_now() - closing.at < TAIL_PATIENCE:
                return
            tail = []
        code, words = WORDS.get(closing.status, ("ended_in_temporal", "The execution ended in Temporal"))
        reason = await self.temporal.reason(execution_id)
        await self._fail(execution_id, f"{words}: {reason}." if reason else f"{words}.", code, tail)

    async def _tail(self, execution_id: UUID) -> list[ExecutionEvent]:
        """What a closed workflow still has of its log; a worker reads it from the history."""
        tail: list[ExecutionEvent] = []
        after = await self.logs.last_sequence(execution_id)
        while True:
            page = await self.temporal.events(execution_id, after)
            if not page.items or page.first > after + 1:
                return tail
            tail += page.items
            after = tail[-1].sequence

    async def _fail(self, execution_id: UUID, message: str, code: str, tail: list[ExecutionEvent]) -> None:
        try:
            await self.logs.fail(execution_id, message, code, tail)
        except ExecutionNotFound:
            logger.info("Execution %s was deleted meanwhile.", execution_id)

    async def _will_not_come(self, execution_id: UUID) -> bool:
        """Whether Temporal has nothing to stop, and will not have."""
        try:
            return await self.temporal.closing(execution_id) is not None
        except WorkflowUnknown:
            return await self.deliveries.stop_requested_before(execution_id, NEVER_STARTED)


@contextmanager
def _alone(execution_id: UUID) -> Generator[None]:
    """One execution's fault holds up no other's; that Temporal or the records are away ends the round for all."""
    try:
        yield
    except TemporalRefuses as refusal:
        logger.warning("Execution %s could not be swept: %s", execution_id, refusal)
    except (TemporalAway, DatabaseAway):
        raise
    except Exception:
        # Whatever is wrong with this one, the log says it, and those after it are to be swept.
        logger.exception("Execution %s could not be swept.", execution_id)


async def _regularly(sweep: Callable[[], Awaitable[None]], pause: timedelta) -> None:
    away = False
    while True:
        try:
            await sweep()
        except (TemporalAway, DatabaseAway) as error:
            if not away:
                logger.warning("What was accepted waits: %s", error)
            away = True
        else:
            if away:
                logger.info("What was accepted goes on.")
            away = False
        await asyncio.sleep(pause.total_seconds())
