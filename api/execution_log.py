"""The one reader of an execution's log: what is archived, and the tail that its workflow still has."""

from dataclasses import dataclass
from uuid import UUID

from api.temporal import Temporal, TemporalAway, WorkflowUnknown
from dynavera.contracts.events import ExecutionEvent
from dynavera.contracts.executions import LIVE
from dynavera.records.logs import Logs

MOST = 1000
"""Events that are read at a time."""


class EventsAway(Exception):
    """What comes next in the log cannot be read now."""


class CursorAhead(Exception):
    """The log is not as long as the cursor says."""


@dataclass(frozen=True)
class ExecutionLog:
    """Reads logs in order and without a gap, wherever their events are."""

    logs: Logs
    temporal: Temporal

    async def read(self, execution_id: UUID, after: int, limit: int = MOST) -> list[ExecutionEvent]:
        """The next events after `after`; none when that is all there is now.

        Raises:
            ExecutionNotFound: there is no such execution.
            EventsAway: there may be more, and Temporal or its worker does not answer.
            CursorAhead: there is no event `after` yet.
        """
        stored = await self.logs.events(execution_id, after, limit)
        if stored:
            return stored
        status = await self.logs.status(execution_id)
        if status in LIVE and status != "queued":
            return await self._tail(execution_id, after, limit)
        # It may have ended, or have been archived, since the first look.
        stored = await self.logs.events(execution_id, after, limit)
        if not stored:
            await self._not_ahead(execution_id, after)
        return stored

    async def newest(self, execution_id: UUID, after: int) -> list[ExecutionEvent]:
        """As `read`, for a reader that has caught up with an execution that has begun: the workflow is asked first.

        Nothing is returned, rather than an error raised, while nobody answers.
        """
        try:
            page = await self.temporal.events(execution_id, after)
        except (TemporalAway, WorkflowUnknown):
            return await self.logs.events(execution_id, after, MOST)
        if not page.items or page.first > after + 1:
            # Archived meanwhile; or ended by the sweep, of which the workflow knows nothing.
            return await self.logs.events(execution_id, after, MOST)
        return page.items

    async def last(self, execution_id: UUID) -> int:
        """The sequence of the newest event, as far as anybody answers."""
        try:
            page = await self.temporal.events(execution_id, 2**31)
        except (TemporalAway, WorkflowUnknown):
            return await self.logs.last_sequence(execution_id)
        return page.last

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
