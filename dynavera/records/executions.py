"""Executions: accepting, listing, retrying and stopping them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, ScalarSelect, Select, delete, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from dynavera.contracts.agents import AgentSettings
from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import (
    ExecutionStarted,
    ExecutionStopped,
)
from dynavera.contracts.executions import LIVE, Execution, ExecutionCounts, ExecutionStatus, OutputData, StopReceipt
from dynavera.contracts.feedback import Feedback, FeedbackGiven, Verdict
from dynavera.identifiers import lowest_id_at, new_id
from dynavera.limits import TEMPORAL_RETENTION
from dynavera.records.agents import AgentNotFound
from dynavera.records.cursors import cursor_of
from dynavera.records.database import Database
from dynavera.records.execution_order import ExecutionSort, SortOrder, beyond, ordering
from dynavera.records.feedback import feedback_of, has_feedback, set_feedback
from dynavera.records.filters import contains
from dynavera.records.logs import ExecutionNotFound, end, event_row, locked
from dynavera.records.tables import AgentRow, ExecutionRow

_output: TypeAdapter[OutputData | None] = TypeAdapter(OutputData | None)
_input: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


class IdempotencyConflict(Exception):
    """The idempotency key was used for another request."""


class ExecutionStillRuns(Exception):
    """The request needs an execution that has ended."""


STOP_OR_WAIT = "Stop it first, or wait for its end."


@dataclass(frozen=True)
class ExecutionQuery:
    """Which executions to list; `until` is exclusive, `q` is a part of the question, `latest` selects one per agent.

    Executions that have not begun and ended have no duration, and come last in both orders of it.
    """

    agent_id: UUID | None = None
    status: ExecutionStatus | None = None
    feedback: Verdict | None = None
    q: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50
    cursor: str | None = None
    latest: bool = False
    sort: ExecutionSort = "created_at"
    order: SortOrder = "desc"


@dataclass(frozen=True)
class Stop:
    """The result of a request to stop: the execution as it is now, and whether it had already ended."""

    execution: Execution
    ended_before: bool


@dataclass(frozen=True)
class Executions:
    """The records of executions; `temporal_web` is the URL of its workflows, without a workflow id."""

    database: Database
    temporal_web: str

    async def accept(
        self,
        user_id: UUID,
        agent_id: UUID,
        input_data: dict[str, Any],
        *,
        idempotency_key: str | None = None,
        retry_of: UUID | None = None,
    ) -> Execution:
        """Store a new execution with its first event, or return the one with this idempotency key.

        Raises:
            AgentNotFound: the user has no such agent.
            IdempotencyConflict: the key was used for another request.
        """
        request = hashlib.sha256(agent_id.bytes + _input.dump_json(input_data)).hexdigest()

        async def store(session: AsyncSession) -> Execution:
            earlier = await _with_key(session, user_id, idempotency_key)
            if earlier is not None:
                return await self._same(session, earlier, request)
            row = _new_row(await _agent(session, user_id, agent_id), input_data)
            row.idempotency_key, row.request_digest, row.retry_of = idempotency_key, request, retry_of
            session.add(row)
            await session.flush()
            session.add(event_row(_started(row)))
            return self._execution(row)

        try:
            return await self.database.write(store)
        except IntegrityError:
            # On PostgreSQL two starts with one key can get this far; the first one wins.
            async with self.database.reading() as session:
                earlier = await _with_key(session, user_id, idempotency_key)
                if earlier is None:
                    raise
                return await self._same(session, earlier, request)

    async def retry(self, user_id: UUID, execution_id: UUID) -> Execution:
        """Accept a new execution of the same input.

        Raises:
            ExecutionNotFound: the user has no such execution.
            ExecutionStillRuns: it has not ended.
        """
        row = await self._row(user_id, execution_id)
        _check_ended(row, STOP_OR_WAIT)
        return await self.accept(user_id, row.agent_id, row.input_data, retry_of=row.id)

    async def get(self, user_id: UUID, execution_id: UUID) -> Execution:
        """The user's execution.

        Raises:
            ExecutionNotFound: there is no such execution, or it is another user's.
        """
        async with self.database.reading() as session:
            return await self._with_feedback(session, await _found(session, user_id, execution_id))

    async def settings(self, user_id: UUID, execution_id: UUID) -> AgentSettings:
        """The agent's settings when the user's execution was accepted.

        Raises:
            ExecutionNotFound: there is no such execution, or it is another user's.
        """
        return AgentSettings.model_validate((await self._row(user_id, execution_id)).settings)

    async def page(self, user_id: UUID, query: ExecutionQuery) -> tuple[list[Execution], str | None]:
        """The user's executions that match, in the order of the query, and the cursor of the next page.

        Raises:
            BadCursor: the cursor is invalid.
        """
        wanted = select(ExecutionRow).where(*_conditions(user_id, query)).order_by(*ordering(query.sort, query.order))
        async with self.database.reading() as session:
            if query.cursor is not None:
                wanted = wanted.where(await beyond(session, query.cursor, query.sort, query.order))
            rows = list(await session.scalars(wanted.limit(query.limit + 1)))
            # Only what has ended has feedback.
            feedback = await feedback_of(session, [row.id for row in rows[: query.limit] if row.status not in LIVE])
        shown = [self._execution(row, feedback.get(row.id)) for row in rows[: query.limit]]
        return shown, cursor_of(shown[-1].id) if len(rows) > query.limit else None

    async def counts(self, user_id: UUID, query: ExecutionQuery) -> ExecutionCounts:
        """The number of the user's executions that fit, by status; `limit` and `cursor` of the query do not count."""
        wanted = select(ExecutionRow.status, func.count()).where(*_conditions(user_id, query))
        async with self.database.reading() as session:
            numbers = (await session.execute(wanted.group_by(ExecutionRow.status))).all()
        return ExecutionCounts.model_validate(dict(numbers))

    async def delete(self, user_id: UUID, execution_id: UUID) -> None:
        """Delete the execution and its log; its idempotency key can be used again.

        Raises:
            ExecutionNotFound: the user has no such execution.
            ExecutionStillRuns: it has not ended.
        """
        async with self.database.writing() as session:
            await _locked_after_end(session, user_id, execution_id, STOP_OR_WAIT)
            await session.execute(delete(ExecutionRow).where(ExecutionRow.id == execution_id))

    async def set_feedback(self, user_id: UUID, execution_id: UUID, given: FeedbackGiven | None) -> Execution:
        """Replace the feedback on an execution that has ended; None removes it.

        Raises:
            ExecutionNotFound: the user has no such execution.
            ExecutionStillRuns: it has not ended.
        """
        async with self.database.writing() as session:
            row = await _locked_after_end(session, user_id, execution_id, "Give feedback on its answer then.")
            await set_feedback(session, execution_id, given)
            row.changed_at = utc_now()
            return await self._with_feedback(session, row)

    async def newest_live(self, user_id: UUID, agent_id: UUID) -> Execution | None:
        """The agent's newest execution that is queued or running."""
        async with self.database.reading() as session:
            row = await session.scalar(
                select(ExecutionRow)
                .where(ExecutionRow.user_id == user_id)
                .where(ExecutionRow.id.in_([_newest_in(agent_id, status) for status in LIVE]))
                .order_by(ExecutionRow.id.desc())
                .limit(1)
            )
        return None if row is None else self._execution(row)

    async def request_stop(self, user_id: UUID, execution_id: UUID) -> Stop:
        """Record that a stop was requested; a queued execution is stopped by this alone.

        Raises:
            ExecutionNotFound: the user has no such execution.
        """
        async with self.database.writing() as session:
            row = await _locked(session, user_id, execution_id)
            if row.status not in LIVE:
                return Stop(await self._with_feedback(session, row), ended_before=True)
            now = utc_now()
            if row.stop_requested_at is None:
                row.stop_requested_at = now
                row.changed_at = now
            if row.status == "queued":
                await end(session, row, _stopped_before_start(row))
            return Stop(self._execution(row), ended_before=False)

    async def of_agents(self, agent_ids: set[UUID], since: datetime) -> list[tuple[UUID, UUID]]:
        """Agent id and execution id of each execution of these agents that is live or was accepted since then."""
        # One query for both, or an ordered one, would read all executions of the agents.
        of_agents = select(ExecutionRow.agent_id, ExecutionRow.id).where(ExecutionRow.agent_id.in_(agent_ids))
        live = of_agents.where(ExecutionRow.status.in_(LIVE))
        recent = of_agents.where(ExecutionRow.id >= lowest_id_at(since))
        async with self.database.reading() as session:
            found = {
                execution_id: agent_id
                for wanted in (live, recent)
                for agent_id, execution_id in await session.execute(wanted)
            }
        return [(found[execution_id], execution_id) for execution_id in sorted(found)]

    async def changed(self, user_id: UUID, since: datetime) -> list[tuple[datetime, UUID]]:
        """The user's executions that have changed since then, with the times of their changes, in that order."""
        async with self.database.reading() as session:
            rows = await session.execute(
                select(ExecutionRow.changed_at, ExecutionRow.id)
                .where(ExecutionRow.user_id == user_id, ExecutionRow.changed_at >= since, _agent_exists())
                .order_by(ExecutionRow.changed_at, ExecutionRow.id)
            )
            return [(changed_at, execution_id) for changed_at, execution_id in rows]

    async def count_live(self) -> dict[str, int]:
        """The numbers of queued and running executions."""
        async with self.database.reading() as session:
            rows = await session.execute(
                select(ExecutionRow.status, func.count())
                .where(ExecutionRow.status.in_(LIVE))
                .group_by(ExecutionRow.status)
            )
            counted = {status: count for status, count in rows}  # noqa: C416 -- a Row is no tuple to the type checker
        return dict[str, int].fromkeys(LIVE, 0) | counted

    async def _row(self, user_id: UUID, execution_id: UUID) -> ExecutionRow:
        async with self.database.reading() as session:
            return await _found(session, user_id, execution_id)

    async def _same(self, session: AsyncSession, earlier: ExecutionRow, request: str) -> Execution:
        if earlier.request_digest != request:
            raise IdempotencyConflict(
                f"The idempotency key {earlier.idempotency_key!r} was used for another request. Use a new key."
            )
        return await self._with_feedback(session, earlier)

    async def _with_feedback(self, session: AsyncSession, row: ExecutionRow) -> Execution:
        ended = [row.id] if row.status not in LIVE else []
        return self._execution(row, (await feedback_of(session, ended)).get(row.id))

    def _execution(self, row: ExecutionRow, feedback: Feedback | None = None) -> Execution:
        forgotten = row.completed_at is not None and row.completed_at < utc_now() - TEMPORAL_RETENTION
        in_temporal = not forgotten and (row.status in LIVE or row.workflow_started_at is not None)
        return Execution(
            id=row.id,
            agent_id=row.agent_id,
            status=cast("ExecutionStatus", row.status),
            stage=None,
            input_data=row.input_data,
            output_data=_output.validate_python(row.output_data),
            error_message=row.error_message,
            retry_of=row.retry_of,
            created_at=row.created_at,
            started_at=row.started_at,
            completed_at=row.completed_at,
            temporal_url=f"{self.temporal_web}/{row.id}" if in_temporal else None,
            feedback=feedback,
        )


def _conditions(user_id: UUID, query: ExecutionQuery) -> list[ColumnElement[bool]]:
    """The conditions of the query, without its cursor and limit."""
    conditions = [ExecutionRow.user_id == user_id, _agent_exists()]
    if query.agent_id is not None:
        conditions.append(ExecutionRow.agent_id == query.agent_id)
    if query.status is not None:
        conditions.append(ExecutionRow.status == query.status)
    if query.feedback is not None:
        conditions.append(has_feedback(query.feedback))
    if query.q is not None:
        conditions.append(contains(ExecutionRow.input_data["query"].as_string(), query.q))
    if query.latest:
        conditions.append(ExecutionRow.id.in_(_latest_of_each_agent(user_id)))
    if query.since is not None:
        conditions.append(ExecutionRow.created_at >= query.since)
    if query.until is not None:
        conditions.append(ExecutionRow.created_at < query.until)
    return conditions


def _latest_of_each_agent(user_id: UUID) -> Select[UUID]:
    # One lookup in the index per agent, however many executions there are.
    of_agent = aliased(ExecutionRow)
    latest = select(of_agent.id).where(of_agent.agent_id == AgentRow.id).order_by(of_agent.id.desc()).limit(1)
    return select(latest.scalar_subquery()).where(AgentRow.user_id == user_id)


def _newest_in(agent_id: UUID, status: ExecutionStatus) -> ScalarSelect[UUID]:
    # One lookup in the index per status; a query for both would read all executions of the agent.
    wanted = select(ExecutionRow.id).where(ExecutionRow.agent_id == agent_id, ExecutionRow.status == status)
    return wanted.order_by(ExecutionRow.id.desc()).limit(1).scalar_subquery()


async def _found(session: AsyncSession, user_id: UUID, execution_id: UUID) -> ExecutionRow:
    row = await session.scalar(
        select(ExecutionRow).where(ExecutionRow.id == execution_id, ExecutionRow.user_id == user_id, _agent_exists())
    )
    if row is None:
        raise ExecutionNotFound(f"There is no execution {str(execution_id)!r}.")
    return row


async def _locked(session: AsyncSession, user_id: UUID, execution_id: UUID) -> ExecutionRow:
    row = await locked(session, execution_id)
    await _found(session, user_id, execution_id)
    return row


async def _locked_after_end(session: AsyncSession, user_id: UUID, execution_id: UUID, advice: str) -> ExecutionRow:
    row = await _locked(session, user_id, execution_id)
    _check_ended(row, advice)
    return row


def _check_ended(row: ExecutionRow, advice: str) -> None:
    if row.status in LIVE:
        raise ExecutionStillRuns(f"The execution has not ended yet. {advice}")


def _agent_exists() -> ColumnElement[bool]:
    """The condition that an execution's agent has not been deleted."""
    return ~exists().where(AgentRow.id == ExecutionRow.agent_id, AgentRow.deleted_at.is_not(None))


async def _with_key(session: AsyncSession, user_id: UUID, idempotency_key: str | None) -> ExecutionRow | None:
    if idempotency_key is None:
        return None
    return await session.scalar(
        select(ExecutionRow).where(ExecutionRow.user_id == user_id, ExecutionRow.idempotency_key == idempotency_key)
    )


async def _agent(session: AsyncSession, user_id: UUID, agent_id: UUID) -> AgentRow:
    # In PostgreSQL the lock prevents that the agent is deleted before this transaction has ended.
    agent = await session.get(AgentRow, agent_id, with_for_update={"read": True, "key_share": True})
    if agent is None or agent.user_id != user_id or agent.deleted_at is not None:
        raise AgentNotFound(f"There is no agent {str(agent_id)!r}.")
    return agent


def _new_row(agent: AgentRow, input_data: dict[str, Any]) -> ExecutionRow:
    now = utc_now()
    return ExecutionRow(
        id=new_id(),
        user_id=agent.user_id,
        agent_id=agent.id,
        settings=agent.settings,
        status="queued",
        input_data=input_data,
        created_at=now,
        changed_at=now,
    )


def _started(row: ExecutionRow) -> ExecutionStarted:
    return ExecutionStarted(
        execution_id=row.id, agent_id=row.agent_id, sequence=1, timestamp=row.created_at, input_data=row.input_data
    )


def _stopped_before_start(row: ExecutionRow) -> ExecutionStopped:
    now = utc_now()
    return ExecutionStopped(
        execution_id=row.id,
        agent_id=row.agent_id,
        sequence=2,
        timestamp=now,
        message="Stopped before it started.",
        output_data=None,
        stop=StopReceipt(requested_at=row.stop_requested_at or now, acknowledged_at=None, characters=0),
    )
