"""The one reader of an execution's log: what is archived, and the tail that its workflow still has."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from api.temporal import Temporal, TemporalAway, WorkflowUnknown
from dynavera.contracts.events import MAX_SEQUENCE, ExecutionEvent
from dynavera.contracts.executions import LIVE
from dynavera.records.logs import Logs
from dynavera.web.errors import Refused

MOST = 1000
"""Events that are read at a time."""


class EventsAway(Refused):
    """What comes next in the log cannot be read now."""

    code: ClassVar[str] = "events_away"
    status: ClassVar[int] = 503
    retry_after_seconds = 2


class CursorAhead(Refused):
    """The log is not as long as the cursor says."""

    code: ClassVar[str] = "cursor_ahead"


@dataclass(frozen=True)
class ExecutionLog:
    """Reads logs in order and without a gap, wherever their events are."""

    logs: Logs
    temporal: Temporal
    concurrent_queries: int = 20
    """Workflows that are queried at the same time."""

    async def read(self, execution_id: UUID, after: int, limit: int = MOST) -> list[ExecutionEvent]:
        """The next events after `after`; none when that is all there is now.

        Raises:
            ExecutionNotFound: there is no such execution.
            EventsAway: there may be more, and Temporal or its worker does not answer.
            CursorAhead: there is no event `after` yet.
        """
        archived = await self.logs.part(execution_id, after, limit)
        if archived.events:
            return archived.events
        if archived.status == "running":
            return await self._tail(execution_id, after, limit)
        await self._not_ahead(execution_id, after)
        return []

    async def newest(self, execution_id: UUID, after: int) -> list[ExecutionEvent]:
        """What the workflow has, where that goes on right after `after`; nothing while nobody answers.

        Without anything the records may have more: archived meanwhile, or ended by the sweep without the workflow.
        """
        try:
            page = await self.temporal.events(execution_id, after)
        except (TemporalAway, WorkflowUnknown):
            return []
        return page.items if page.first <= after + 1 else []

    async def last_of_each(self, execution_ids: Sequence[UUID]) -> dict[UUID, int]:
        """The sequence of each log's newest event, as far as anybody answers: who runs is asked, a few at a time."""
        found = await self.logs.positions(execution_ids)
        last = {execution_id: position.last for execution_id, position in found.items()}
        running = [execution_id for execution_id, position in found.items() if position.status == "running"]
        for first in range(0, len(running), self.concurrent_queries):
            some = running[first : first + self.concurrent_queries]
            answers = await asyncio.gather(*(self._last(execution_id) for execution_id in some))
            if all(answer is None for answer in answers):
                # Nobody answers, and the others would wait for it as long.
                break
            last |= {one: answer for one, answer in zip(some, answers, strict=True) if answer is not None}
        return last

    async def _last(self, execution_id: UUID) -> int | None:
        try:
            return (await self.temporal.events(execution_id, MAX_SEQUENCE)).last
        except WorkflowUnknown:
            return await self.logs.last_sequence(execution_id)
        except TemporalAway:
            return None

    async def _tail(self, execution_id: UUID, after: int, limit: int) -> list[ExecutionEvent]:
        try:
            page = await self.temporal.events(execution_id, after)
        except (TemporalAway, WorkflowUnknown) as error:
            stored = await self.logs.events(execution_id, after, limit)
            if stored or await self.logs.status(execution_id) not in LIVE:
                return stored
            raise EventsAway(f"The newest events cannot be read now: {error} Try again in a moment.") from error
        if page.first > after + 1:
            return await self.logs.events(execution_id, after, limit)
        if after > page.last:
            raise _ahead(after, page.last)
        return page.items[:limit]

    async def _not_ahead(self, execution_id: UUID, after: int) -> None:
        last = await self.logs.last_sequence(execution_id)
        if after > last:
            raise _ahead(after, last)


def _ahead(after: int, last: int) -> CursorAhead:
    return CursorAhead(
        f"'after' is {after}, and the log has {last} events so far. Start again from a sequence you have."
    )
