"""Starting, stopping, retrying and reading executions."""

from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from api.live.log import EventsAway, ExecutionLog
from api.sweep import Sweep
from api.temporal import Temporal, TemporalAway, WorkflowNotFound
from dynavera.bus.bus import EventBus
from dynavera.bus.messages import Accepted
from dynavera.contracts.documents import Source
from dynavera.contracts.events import EventPage, ExecutionEvent, is_terminal
from dynavera.contracts.execution_view import ExecutionView
from dynavera.contracts.executions import LIVE, Execution, ExecutionCounts, ExecutionStart
from dynavera.contracts.pages import Page
from dynavera.contracts.users import User
from dynavera.records import executions as records
from dynavera.records.agents import Agents
from dynavera.records.executions import ExecutionQuery, Stop
from dynavera.records.logs import ExecutionNotFound
from dynavera.web.errors import Refused


class SourceNotFound(Refused):
    """The execution cites no source of this number."""

    code: ClassVar[str] = "not_found"
    status: ClassVar[int] = 404


@dataclass(frozen=True)
class ExecutionService:
    """A user's executions; those of other users are not found. Plain reads are in `records` and `log`."""

    agents: Agents
    records: records.Executions
    log: ExecutionLog
    temporal: Temporal
    sweep: Sweep
    bus: EventBus

    async def start(self, user: User, agent_id: UUID, start: ExecutionStart, idempotency_key: str | None) -> Execution:
        """Accept a start: it is stored, and delivered to Temporal now or once that is available.

        Raises:
            AgentNotFound: the user has no such agent.
            IdempotencyConflict: the key was used for another request.
        """
        execution = await self.records.accept(user.id, agent_id, start.input_data, idempotency_key=idempotency_key)
        self.sweep.start_soon(execution.id)
        self.bus.publish(Accepted(agent_id=agent_id))
        return execution

    async def stop(self, user: User, execution_id: UUID) -> Stop:
        """Accept a stop: it is stored, and delivered to Temporal now or once that is available.

        Raises:
            ExecutionNotFound: the user has no such execution.
        """
        stop = await self.records.request_stop(user.id, execution_id)
        if not stop.ended_before:
            self.sweep.stop_soon(execution_id)
        return stop

    async def retry(self, user: User, execution_id: UUID) -> Execution:
        """Start a new execution of the same input.

        Raises:
            ExecutionNotFound: the user has no such execution.
            ExecutionStillRuns: it has not ended.
        """
        execution = await self.records.retry(user.id, execution_id)
        self.sweep.start_soon(execution.id)
        self.bus.publish(Accepted(agent_id=execution.agent_id))
        return execution

    async def get(self, user: User, execution_id: UUID) -> Execution:
        """The execution; while it runs also its stage and the answer so far.

        Raises:
            ExecutionNotFound: the user has no such execution.
        """
        execution = await self.records.get(user.id, execution_id)
        if execution.status != "running":
            return execution
        try:
            snapshot = await self.temporal.snapshot(execution_id)
        except (TemporalAway, WorkflowNotFound):
            return await self._as_archived(user, execution)
        return execution.model_copy(update={"stage": snapshot.stage, "partial_answer": snapshot.answer})

    async def page(self, user: User, query: ExecutionQuery) -> Page[Execution]:
        """The matching executions, in the order of the query.

        Raises:
            AgentNotFound: the user has no such agent.
            BadCursor: the cursor is not one of ours.
        """
        if query.agent_id is not None:
            await self.agents.get(user.id, query.agent_id)
        items, next_cursor = await self.records.page(user.id, query)
        return Page(items=items, next_cursor=next_cursor)

    async def counts(self, user: User, query: ExecutionQuery) -> ExecutionCounts:
        """The number of matching executions, by status.

        Raises:
            AgentNotFound: the user has no such agent.
        """
        if query.agent_id is not None:
            await self.agents.get(user.id, query.agent_id)
        return await self.records.counts(user.id, query)

    async def require_of_agent(self, user: User, agent_id: UUID, execution_id: UUID) -> None:
        """Check that the execution is one of the user's agent.

        Raises:
            ExecutionNotFound: it is not.
        """
        execution = await self.records.get(user.id, execution_id)
        if execution.agent_id != agent_id:
            raise ExecutionNotFound(f"There is no execution {str(execution_id)!r}.")

    async def events(self, user: User, execution_id: UUID, after: int, limit: int) -> EventPage:
        """A page of the log.

        Raises:
            ExecutionNotFound: the user has no such execution.
            EventsAway: the next events cannot be read now.
            CursorAhead: `after` is beyond the end of the log.
        """
        await self.records.get(user.id, execution_id)
        items: list[ExecutionEvent] = []
        while len(items) < limit and not (items and is_terminal(items[-1])):
            last = items[-1].sequence if items else after
            try:
                more = [entry.event for entry in await self.log.read(execution_id, last, limit - len(items))]
            except EventsAway:
                if not items:
                    raise
                return EventPage(items=items, next_after=last)
            if not more:
                return EventPage(items=items, next_after=None)
            items += more
        return EventPage(items=items, next_after=None if is_terminal(items[-1]) else items[-1].sequence)

    async def check_cursor(self, user: User, execution_id: UUID, after: int) -> Execution:
        """Check that a reader can continue after `after`; the execution.

        Raises:
            ExecutionNotFound: the user has no such execution.
            CursorAhead: `after` is beyond the end of the log.
        """
        execution = await self.records.get(user.id, execution_id)
        # While no worker answers, the stream waits for one.
        with suppress(EventsAway):
            await self.log.read(execution_id, after, limit=1)
        return execution

    async def pinned_source(self, user: User, execution_id: UUID, n: int) -> Source:
        """The source as it was cited.

        Raises:
            ExecutionNotFound: the user has no such execution.
            SourceNotFound: it has no source of this number.
        """
        execution = await self.records.get(user.id, execution_id)
        sources = execution.output_data.sources if execution.output_data is not None else []
        for source in sources:
            if source.n == n:
                return source
        raise SourceNotFound(f"The execution has no source {n}; it has {len(sources)}.")

    async def _as_archived(self, user: User, execution: Execution) -> Execution:
        """A running execution according to the records, while its workflow does not answer."""
        events = await self.log.logs.events(execution.id, 0, limit=2**31 - 1)
        view = ExecutionView.of(events)
        current = await self.records.get(user.id, execution.id)
        if current.status not in LIVE:
            return current
        return current.model_copy(update={"stage": view.stage, "partial_answer": view.answer})
