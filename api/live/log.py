"""Reading an execution's log: the archived events, then the tail that its workflow still has."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from api.temporal import Temporal, TemporalAway, WorkflowNotFound
from dynavera.contracts.events import MAX_SEQUENCE, LogEntry
from dynavera.contracts.executions import LIVE
from dynavera.records.logs import Logs
from dynavera.web.errors import Refused
from workflows.event_log import LogPage

MAX_EVENTS = 1000
"""Events per read."""


class EventsAway(Refused):
    """The next events cannot be read now."""

    code: ClassVar[str] = "events_away"
    status: ClassVar[int] = 503
    retry_after_seconds = 2


class CursorAhead(Refused):
    """The cursor is beyond the end of the log."""

    code: ClassVar[str] = "cursor_ahead"


@dataclass(frozen=True)
class ExecutionLog:
    """Reads logs in order and without gaps, from the records and from workflows."""

    logs: Logs
    temporal: Temporal
    concurrent_queries: int = 20
    """Workflows that are queried at the same time."""

    async def read(self, execution_id: UUID, after: int, limit: int = MAX_EVENTS) -> list[LogEntry]:
        """The next events after `after`; none if there are no more now.

        Raises:
            ExecutionNotFound: there is no such execution.
            EventsAway: there may be more, and Temporal or its worker does not answer.
            CursorAhead: there is no event `after` yet.
        """
        archived = await self.logs.part(execution_id, after, limit)
        if archived.entries:
            return archived.entries
        if archived.status == "running":
            return await self._read_tail(execution_id, after, limit)
        await self._check_not_ahead(execution_id, after)
        return []

    async def workflow_events(self, execution_id: UUID, after: int) -> list[LogEntry]:
        """The workflow's events after `after`; none if its tail begins later, or if it does not answer.

        The records may then have more: archived meanwhile, or ended by the sweep without the workflow.
        """
        try:
            page = await self.temporal.events(execution_id, after)
        except (TemporalAway, WorkflowNotFound):
            return []
        return _entries(page) if page.first <= after + 1 else []

    async def last_sequences(self, execution_ids: Sequence[UUID]) -> dict[UUID, int]:
        """The last sequence of each log; running workflows are queried, a few at a time, and may not answer."""
        found = await self.logs.positions(execution_ids)
        last = {execution_id: position.last for execution_id, position in found.items()}
        running = [execution_id for execution_id, position in found.items() if position.status == "running"]
        for first in range(0, len(running), self.concurrent_queries):
            some = running[first : first + self.concurrent_queries]
            answers = await asyncio.gather(*(self._last(execution_id) for execution_id in some))
            if all(answer is None for answer in answers):
                # No worker answers; querying the others would only take as long again.
                break
            last |= {one: answer for one, answer in zip(some, answers, strict=True) if answer is not None}
        return last

    async def _last(self, execution_id: UUID) -> int | None:
        try:
            return (await self.temporal.events(execution_id, MAX_SEQUENCE)).last
        except WorkflowNotFound:
            return await self.logs.last_sequence(execution_id)
        except TemporalAway:
            return None

    async def _read_tail(self, execution_id: UUID, after: int, limit: int) -> list[LogEntry]:
        try:
            page = await self.temporal.events(execution_id, after)
        except (TemporalAway, WorkflowNotFound) as error:
            stored = await self.logs.entries(execution_id, after, limit)
            if stored or await self.logs.status(execution_id) not in LIVE:
                return stored
            raise EventsAway(f"The newest events cannot be read now: {error} Try again in a moment.") from error
        if page.first > after + 1:
            return await self.logs.entries(execution_id, after, limit)
        if after > page.last:
            raise _ahead(after, page.last)
        return _entries(page)[:limit]

    async def _check_not_ahead(self, execution_id: UUID, after: int) -> None:
        last = await self.logs.last_sequence(execution_id)
        if after > last:
            raise _ahead(after, last)


def _entries(page: LogPage) -> list[LogEntry]:
    return [LogEntry.of(event) for event in page.items]


def _ahead(after: int, last: int) -> CursorAhead:
    return CursorAhead(
        f"'after' is {after}, but the log has only {last} events so far. Resume from the last event you received."
    )
