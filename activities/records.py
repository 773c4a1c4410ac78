"""What the workflow tells the records; each is keyed by the execution and can be done twice."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from temporalio import activity

from activities.heartbeat import heartbeating
from activities.refusals import execution_gone
from dynavera.contracts.contract import Contract, UtcTime, utc_now
from dynavera.contracts.events import ExecutionEvent, TerminalEvent
from dynavera.records.logs import ExecutionNotFound, Logs


class Begun(Contract):
    """Whether the execution may go on; `ended` is its terminal event when it has ended already."""

    ended: TerminalEvent | None
    at: UtcTime


class Archive(Contract):
    """Part of an execution's log, to be kept."""

    execution_id: UUID
    events: list[ExecutionEvent]


class Outcome(Contract):
    """How an execution ends, with what is left of its log."""

    tail: list[ExecutionEvent]
    event: TerminalEvent


class Recorded(Contract):
    """The terminal event that is stored: the first one wins."""

    event: TerminalEvent


@dataclass(frozen=True)
class RecordActivities:
    """The records of executions, written for the workflow."""

    logs: Logs

    @activity.defn
    async def begin_execution(self, execution_id: UUID) -> Begun:
        """Note that the execution runs, unless it has ended."""
        async with _writing():
            return Begun(ended=await self.logs.begin(execution_id), at=utc_now())

    @activity.defn
    async def archive_events(self, archive: Archive) -> int:
        """Keep part of the log; the sequence of the last event that was in it."""
        async with _writing():
            await self.logs.archive(archive.execution_id, archive.events)
        return archive.events[-1].sequence

    @activity.defn
    async def record_outcome(self, outcome: Outcome) -> Recorded:
        """Record the outcome, or learn which one was recorded before."""
        async with _writing():
            return Recorded(event=await self.logs.finish(outcome.tail, outcome.event))


@asynccontextmanager
async def _writing() -> AsyncGenerator[None]:
    """Write with heartbeats; an execution that the records do not have any more is told by its name."""
    try:
        async with heartbeating():
            yield
    except ExecutionNotFound as error:
        raise execution_gone() from error
