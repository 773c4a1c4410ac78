"""The logs of executions: each is started, archived and ended once; the first outcome wins."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import (
    ExecutionError,
    ExecutionEvent,
    ExecutionStopped,
    LogEntry,
    TerminalEvent,
    execution_event,
    is_terminal,
)
from dynavera.contracts.execution_view import ExecutionView
from dynavera.contracts.executions import LIVE, ExecutionStatus, FinalStatus, StopReceipt
from dynavera.records.database import Database
from dynavera.records.document_rows import MAX_PARAMETERS
from dynavera.records.tables import EventRow, ExecutionRow


class ExecutionNotFound(Exception):
    """There is no such execution, or it is another user's."""


@dataclass(frozen=True)
class LogPart:
    """Archived events of an execution, and its status then: an ended execution has all events archived."""

    status: ExecutionStatus
    entries: list[LogEntry]


@dataclass(frozen=True)
class Position:
    """The status of an execution, and the sequence of its last archived event."""

    status: ExecutionStatus
    last: int


@dataclass(frozen=True)
class Abandoned:
    """Why an execution ends without its workflow; `acknowledged_at` is when the generator stopped after a stop."""

    message: str
    code: str
    acknowledged_at: datetime | None = None


@dataclass(frozen=True)
class Logs:
    """Reads the logs, and writes them for the workflow, or for the sweep in its place."""

    database: Database

    async def begin(self, execution_id: UUID) -> TerminalEvent | None:
        """Mark the execution as running; if it has already ended, return its terminal event.

        Raises:
            ExecutionNotFound: there is no such execution.
        """

        async def begin(session: AsyncSession) -> TerminalEvent | None:
            row = await locked(session, execution_id)
            if row.status not in LIVE:
                # Its workflow was started nevertheless, and waits to be cancelled.
                row.stop_delivered_at = None
                return await _terminal_event(session, execution_id)
            if row.status == "queued":
                row.status = "running"
                row.started_at = row.changed_at = utc_now()
                row.workflow_started_at = row.workflow_started_at or row.started_at
            return None

        return await self.database.write(begin)

    async def archive(self, execution_id: UUID, events: list[ExecutionEvent]) -> None:
        """Store part of the log. This is idempotent, and does not change an ended execution.

        Raises:
            ExecutionNotFound: there is no such execution.
        """

        async def archive(session: AsyncSession) -> None:
            row = await locked(session, execution_id)
            if row.status in LIVE:
                await _store(session, events)

        await self.database.write(archive)

    async def finish(self, tail: list[ExecutionEvent], event: TerminalEvent) -> TerminalEvent:
        """Record the outcome with the rest of the log, unless one is recorded: the first one wins.

        Returns:
            The terminal event that is stored now, this one or an earlier one.

        Raises:
            ExecutionNotFound: there is no such execution.
        """

        async def finish(session: AsyncSession) -> TerminalEvent:
            row = await locked(session, event.execution_id)
            if row.status not in LIVE:
                return await _terminal_event(session, row.id)
            await _store(session, tail)
            return await end(session, row, _dated(row, event))

        return await self.database.write(finish)

    async def adopt(self, tail: list[ExecutionEvent], event: TerminalEvent) -> TerminalEvent:
        """Restore an outcome that the records have lost; `event` is stored unchanged.

        Returns:
            The terminal event that is stored now, this one or an earlier one.

        Raises:
            ExecutionNotFound: there is no such execution.
        """
        async with self.database.writing() as session:
            row = await locked(session, event.execution_id)
            if row.status not in LIVE:
                return await _terminal_event(session, row.id)
            await _store(session, tail)
            return await end(session, row, event)

    async def abandon(self, execution_id: UUID, tail: list[ExecutionEvent], ending: Abandoned) -> TerminalEvent:
        """End an execution whose workflow has recorded no outcome; `tail` is the part of its log that Temporal has.

        Its status becomes stopped if a stop was requested, otherwise failed.

        Raises:
            ExecutionNotFound: there is no such execution.
        """
        async with self.database.writing() as session:
            row = await locked(session, execution_id)
            if row.status not in LIVE:
                return await _terminal_event(session, execution_id)
            await _store(session, tail)
            log = [execution_event.validate_json(event) for event in await session.scalars(_after(execution_id, 0))]
            return await end(session, row, _dated(row, _abandoned(row, log, ending)))

    async def events(self, execution_id: UUID, after: int, limit: int) -> list[ExecutionEvent]:
        """The archived events after `after`, at most `limit`."""
        async with self.database.reading() as session:
            rows = await session.scalars(_after(execution_id, after).limit(limit))
            return [execution_event.validate_json(event) for event in rows]

    async def entries(self, execution_id: UUID, after: int, limit: int) -> list[LogEntry]:
        """The archived entries after `after`, at most `limit`."""
        async with self.database.reading() as session:
            return [LogEntry.parse(event) for event in await session.scalars(_after(execution_id, after).limit(limit))]

    async def part(self, execution_id: UUID, after: int, limit: int) -> LogPart:
        """The archived entries after `after`, at most `limit`, with the status.

        Raises:
            ExecutionNotFound: there is no such execution (any more).
        """
        async with self.database.reading() as session:
            # In this order: if the execution ends between the two, its last events are read.
            status = await _status(session, execution_id)
            rows = await session.scalars(_after(execution_id, after).limit(limit))
            return LogPart(status, [LogEntry.parse(event) for event in rows])

    async def positions(self, execution_ids: Sequence[UUID]) -> dict[UUID, Position]:
        """The positions of these executions, without those that do not exist (any more)."""
        last = select(func.max(EventRow.sequence)).where(EventRow.execution_id == ExecutionRow.id).scalar_subquery()
        found: dict[UUID, Position] = {}
        async with self.database.reading() as session:
            for first in range(0, len(execution_ids), MAX_PARAMETERS):
                some = execution_ids[first : first + MAX_PARAMETERS]
                rows = await session.execute(
                    select(ExecutionRow.id, ExecutionRow.status, last).where(ExecutionRow.id.in_(some))
                )
                found |= {row.id: Position(row.status, row[2] or 0) for row in rows}
        return found

    async def last_sequence(self, execution_id: UUID) -> int:
        """The sequence of the last archived event; 0 without any."""
        async with self.database.reading() as session:
            last = await session.scalar(
                select(func.max(EventRow.sequence)).where(EventRow.execution_id == execution_id)
            )
        return last or 0

    async def status(self, execution_id: UUID) -> ExecutionStatus:
        """The status, for any user.

        Raises:
            ExecutionNotFound: there is no such execution (any more).
        """
        async with self.database.reading() as session:
            return await _status(session, execution_id)


async def locked(session: AsyncSession, execution_id: UUID) -> ExecutionRow:
    """The execution's row, locked until this transaction has ended.

    Raises:
        ExecutionNotFound: there is no such execution.
    """
    row = await session.scalar(select(ExecutionRow).where(ExecutionRow.id == execution_id).with_for_update())
    if row is None:
        raise ExecutionNotFound(f"There is no execution {str(execution_id)!r}.")
    return row


async def _status(session: AsyncSession, execution_id: UUID) -> ExecutionStatus:
    status = await session.scalar(select(ExecutionRow.status).where(ExecutionRow.id == execution_id))
    if status is None:
        raise ExecutionNotFound(f"There is no execution {str(execution_id)!r}.")
    return cast("ExecutionStatus", status)


def _after(execution_id: UUID, after: int) -> Select[str]:
    """The archived events after `after`, in order."""
    wanted = select(EventRow.event).where(EventRow.execution_id == execution_id, EventRow.sequence > after)
    return wanted.order_by(EventRow.sequence)


async def _terminal_event(session: AsyncSession, execution_id: UUID) -> TerminalEvent:
    stored = await session.scalar(
        select(EventRow.event).where(EventRow.execution_id == execution_id).order_by(EventRow.sequence.desc()).limit(1)
    )
    event = execution_event.validate_json(stored or "null")
    if not is_terminal(event):
        raise ValueError(f"execution {execution_id} has ended, and its log has not")
    return cast("TerminalEvent", event)


async def end(session: AsyncSession, row: ExecutionRow, event: TerminalEvent) -> TerminalEvent:
    """Set the row's final state and add its last event."""
    row.status = _final_status(event)
    row.output_data = None if event.output_data is None else event.output_data.model_dump(mode="json")
    row.error_message = event.message if isinstance(event, ExecutionError) else None
    row.completed_at = event.timestamp
    # Not the event's time: lists of changes show what is committed now.
    row.changed_at = utc_now()
    session.add(event_row(event))
    await session.flush()
    return event


def _dated(row: ExecutionRow, event: TerminalEvent) -> TerminalEvent:
    """The event with the time now, because a workflow has no exact clock; the time of a stop request is in the row."""
    event = event.model_copy(update={"timestamp": max(event.timestamp, utc_now())})
    if isinstance(event, ExecutionStopped):
        # Without a request in the records, the stop came from Temporal Web.
        requested_at = row.stop_requested_at or event.stop.acknowledged_at or event.timestamp
        event = event.model_copy(update={"stop": event.stop.model_copy(update={"requested_at": requested_at})})
    return event


def _abandoned(row: ExecutionRow, log: list[ExecutionEvent], ending: Abandoned) -> TerminalEvent:
    partial = ExecutionView.of(log).partial_output
    envelope: dict[str, Any] = {
        "execution_id": row.id,
        "agent_id": row.agent_id,
        "sequence": log[-1].sequence + 1,
        "timestamp": log[-1].timestamp,
    }
    if row.stop_requested_at is None:
        return ExecutionError(**envelope, message=ending.message, code=ending.code, output_data=partial)
    receipt = StopReceipt(
        requested_at=row.stop_requested_at,
        acknowledged_at=ending.acknowledged_at,
        characters=len(partial.answer) if partial is not None else 0,
    )
    return ExecutionStopped(**envelope, message=ending.message, output_data=partial, stop=receipt)


def _final_status(event: TerminalEvent) -> FinalStatus:
    match event:
        case ExecutionError():
            return "failed"
        case ExecutionStopped():
            return "stopped"
        case _:
            return "completed"


async def _store(session: AsyncSession, events: list[ExecutionEvent]) -> None:
    if not events:
        return
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    rows = [
        {"execution_id": event.execution_id, "sequence": event.sequence, "event": event.model_dump_json()}
        for event in events
    ]
    await session.execute(insert(EventRow).on_conflict_do_nothing(), rows)


def event_row(event: ExecutionEvent) -> EventRow:
    """An event as it is stored: the JSON that every reader gets."""
    return EventRow(execution_id=event.execution_id, sequence=event.sequence, event=event.model_dump_json())
