"""Starting, stopping, retrying and reading executions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from api.execution_log import EventsAway, ExecutionLog
from api.sweep import Sweep
from api.temporal import Temporal, TemporalAway, WorkflowUnknown
from dynavera.contracts.agents import AgentSettings
from dynavera.contracts.documents import Source
from dynavera.contracts.events import EventPage, ExecutionEvent, Progress, is_terminal, partial_output
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
    """A user's executions; those of other users are not found."""

    agents: Agents
    records: records.Executions
    log: ExecutionLog
    temporal: Temporal
    sweep: Sweep

    async def start(self, user: User, agent_id: UUID, start: ExecutionStart, idempotency_key: str | None) -> Execution:
        """Accept a start; it is durable from here on, and goes to Temporal now or as soon as that is back.

        Raises:
            AgentNotFound: the user has no such agent.
            IdempotencyConflict: the key was used for another request.
        """
        execution = await self.records.accept(user.id, agent_id, start.input_data, idempotency_key=idempotency_key)
        self.sweep.start_soon(execution.id)
        return execution

    async def stop(self, user: User, execution_id: UUID) -> Stop:
        """Accept a stop; it is durable from here on, and goes to Temporal now or as soon as that is back.

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
        except (TemporalAway, WorkflowUnknown):
            return await self._as_archived(user, execution)
        return execution.model_copy(update={"stage": snapshot.stage, "partial_answer": snapshot.answer})

    async def settings(self, user: User, execution_id: UUID) -> AgentSettings:
        """The agent's settings as the execution took them.

        Raises:
            ExecutionNotFound: the user has no such execution.
        """
        return await self.records.settings(user.id, execution_id)

    async def page(self, user: User, query: ExecutionQuery) -> Page[Execution]:
        """The executions that fit, newest first.

        Raises:
            AgentNotFound: the user has no such agent.
            BadCursor: the cursor is not one of ours.
        """
        if query.agent_id is not None:
            await self.agents.get(user.id, query.agent_id)
        items, next_cursor = await self.records.page(user.id, query)
        return Page(items=items, next_cursor=next_cursor)

    async def counts(self, user: User, query: ExecutionQuery) -> ExecutionCounts:
        """The number of executions that fit, by status.

        Raises:
            AgentNotFound: the user has no such agent.
        """
        if query.agent_id is not None:
            await self.agents.get(user.id, query.agent_id)
        return await self.records.counts(user.id, query)

    async def of_agent(self, user: User, agent_id: UUID, execution_id: UUID) -> None:
        """Make sure that the user's agent has this execution.

        Raises:
            ExecutionNotFound: it has not.
        """
        execution = await self.records.get(user.id, execution_id)
        if execution.agent_id != agent_id:
            raise ExecutionNotFound(f"There is no execution {str(execution_id)!r}.")

    async def newest_live(self, user: User, agent_id: UUID) -> Execution | None:
        """The agent's newest execution that is queued or running."""
        return await self.records.newest_live(user.id, agent_id)

    async def events(self, user: User, execution_id: UUID, after: int, limit: int) -> EventPage:
        """Part of the log.

        Raises:
            ExecutionNotFound: the user has no such execution.
            EventsAway: nothing of it can be read now.
            CursorAhead: the log is not that long.
        """
        await self.records.get(user.id, execution_id)
        items: list[ExecutionEvent] = []
        while len(items) < limit and not (items and is_terminal(items[-1])):
            last = items[-1].sequence if items else after
            try:
                more = await self.log.read(execution_id, last, limit - len(items))
            except EventsAway:
                if not items:
                    raise
                return EventPage(items=items, next_after=last)
            if not more:
                return EventPage(items=items, next_after=None)
            items += more
        return EventPage(items=items, next_after=None if is_terminal(items[-1]) else items[-1].sequence)

    async def check_cursor(self, user: User, execution_id: UUID, after: int) -> None:
        """Make sure that a reader may go on after `after`.

        Raises:
            ExecutionNotFound: the user has no such execution.
            CursorAhead: the log is not that long.
        """
        await self.records.get(user.id, execution_id)
        try:
            await self.log.read(execution_id, after, limit=1)
        except EventsAway:
            # Whether the cursor is right shows when the worker is back; until then the stream is silent.
            return

    async def last_of_each(self, execution_ids: Sequence[UUID]) -> dict[UUID, int]:
        """The sequence of each log's newest event, as far as anybody answers."""
        return await self.log.last_of_each(execution_ids)

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

    async def count_live(self) -> dict[str, int]:
        """How many executions of all users are queued, and how many run."""
        return await self.records.count_live()

    async def _as_archived(self, user: User, execution: Execution) -> Execution:
        """What the records know of a running execution while nobody else answers."""
        events = await self.log.logs.events(execution.id, 0, limit=2**31 - 1)
        stages = [event.content.stage for event in events if isinstance(event, Progress)]
        partial = partial_output(events)
        known = await self.records.get(user.id, execution.id)
        if known.status not in LIVE:
            return known
        return known.model_copy(
            update={
                "stage": stages[-1] if stages else None,
                "partial_answer": partial.answer if partial else "",
            }
        )
