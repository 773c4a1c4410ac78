"""Writing to the records, as activities: keyed by execution and idempotent."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from temporalio import activity

from activities.application_errors import execution_gone
from activities.heartbeat import heartbeating
from dynavera.contracts.contract import Contract, UtcTime, utc_now
from dynavera.contracts.events import ExecutionEvent, TerminalEvent
from dynavera.records.logs import ExecutionNotFound, Logs


class Begun(Contract):
    """Whether the execution may start; `ended` is its terminal event if it has ended already."""

    ended: TerminalEvent | None
    at: UtcTime


class Archive(Contract):
    """Part of an execution's log, to be stored."""

    execution_id: UUID
    events: list[ExecutionEvent]


class Outcome(Contract):
    """The terminal event of an execution, and the part of its log that is not archived."""

    tail: list[ExecutionEvent]
    event: TerminalEvent


class Recorded(Contract):
    """The stored terminal event: the first one wins."""

    event: TerminalEvent


@dataclass(frozen=True)
class RecordActivities:
    """Writes the records of executions."""

    logs: Logs

    @activity.defn
    async def begin_execution(self, execution_id: UUID) -> Begun:
        """Mark the execution as running, unless it has ended."""
        async with _writing():
            return Begun(ended=await self.logs.begin(execution_id), at=utc_now())

    @activity.defn
    async def archive_events(self, archive: Archive) -> int:
        """Store part of the log; returns the sequence of its last event."""
        async with _writing():
            await self.logs.archive(archive.execution_id, archive.events)
        return archive.events[-1].sequence

    @activity.defn
    async def record_outcome(self, outcome: Outcome) -> Recorded:
        """Store the outcome, unless there is one already; returns the stored one."""
        async with _writing():
            return Recorded(event=await self.logs.finish(outcome.tail, outcome.event))


@asynccontextmanager
async def _writing() -> AsyncGenerator[None]:
    """Write under heartbeats; a deleted execution is an expected failure."""
    try:
        async with heartbeating():
            yield
    except ExecutionNotFound as error:
        raise execution_gone() from error
