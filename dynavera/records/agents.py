"""Agents, their owners, and whether they are running."""

from dataclasses import dataclass
from itertools import accumulate
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dynavera.contracts.agents import Agent, AgentPatch, AgentSettings
from dynavera.contracts.contract import utc_now
from dynavera.contracts.executions import LIVE
from dynavera.contracts.pages import Page
from dynavera.identifiers import new_id
from dynavera.records.cursors import cursor_id, cursor_of
from dynavera.records.database import Database
from dynavera.records.tables import AgentRow, EventRow, ExecutionRow

EVENTS_PER_STEP, EXECUTIONS_PER_STEP = 5000, 200
"""The maximum number of events that one transaction removes: it takes about 50 ms, between which others can write."""


class AgentNotFound(Exception):
    """There is no such agent, or it is another user's."""


class AgentBusy(Exception):
    """An execution of the agent is queued or running."""


@dataclass(frozen=True)
class Agents:
    """The agents of all users; each call sees one user's."""

    database: Database

    async def create(self, user_id: UUID, settings: AgentSettings) -> Agent:
        """A new agent."""
        now = utc_now()
        row = AgentRow(id=new_id(), user_id=user_id, settings=_stored(settings), created_at=now, updated_at=now)
        async with self.database.writing() as session:
            session.add(row)
        return _agent(row, running=False)

    async def get(self, user_id: UUID, agent_id: UUID) -> Agent:
        """The user's agent.

        Raises:
            AgentNotFound: the user has no such agent.
        """
        async with self.database.reading() as session:
            return await _found(session, user_id, agent_id)

    async def by_name(self, user_id: UUID, name: str) -> list[Agent]:
        """The user's agents of this name, oldest first."""
        named = AgentRow.settings["name"].as_string() == name
        async with self.database.reading() as session:
            rows = await session.execute(_seen_by(user_id).where(named).order_by(AgentRow.id))
            return [_agent(row, running=running) for row, running in rows]

    async def page(self, user_id: UUID, limit: int, cursor: str | None = None) -> Page[Agent]:
        """The user's agents, newest first.

        Raises:
            BadCursor: the cursor is not one of ours.
        """
        wanted = _seen_by(user_id)
        if cursor is not None:
            wanted = wanted.where(AgentRow.id < cursor_id(cursor))
        async with self.database.reading() as session:
            rows = (await session.execute(wanted.order_by(AgentRow.id.desc()).limit(limit + 1))).all()
        agents = [_agent(row, running=running) for row, running in rows[:limit]]
        return Page(items=agents, next_cursor=cursor_of(agents[-1].id) if len(rows) > limit else None)

    async def patch(self, user_id: UUID, agent_id: UUID, patch: AgentPatch) -> Agent:
        """Change the fields that `patch` has; existing executions keep their snapshot.

        Raises:
            AgentNotFound: the user has no such agent.
        """
        async with self.database.writing() as session:
            row = await _locked(session, user_id, agent_id)
            changes = patch.model_dump(mode="json", exclude_unset=True)
            if changes:
                row.settings = {**row.settings, **changes}
                row.updated_at = utc_now()
                await session.flush()
            return await _found(session, user_id, agent_id)

    async def delete(self, user_id: UUID, agent_id: UUID) -> None:
        """Delete the agent and its executions; `remove_deleted` frees the space of their logs.

        Raises:
            AgentNotFound: the user has no such agent.
            AgentBusy: one of its executions is queued or running.
        """
        async with self.database.writing() as session:
            await _locked(session, user_id, agent_id)
            if await session.scalar(select(exists().where(ExecutionRow.agent_id == agent_id, _is_live()))):
                raise AgentBusy("An execution of the agent is queued or running. Stop it first, or wait for its end.")
            await session.execute(update(AgentRow).where(AgentRow.id == agent_id).values(deleted_at=utc_now()))
            # Their idempotency keys can be used again.
            await session.execute(
                update(ExecutionRow)
                .where(ExecutionRow.agent_id == agent_id, ExecutionRow.idempotency_key.is_not(None))
                .values(idempotency_key=None)
            )

    async def remove_deleted(self, events: int = EVENTS_PER_STEP) -> bool:
        """Remove some events of deleted agents; whether there may be more.

        Raises:
            DatabaseAway: the records do not answer.
        """
        wanted = select(AgentRow.id).where(AgentRow.deleted_at.is_not(None)).limit(1)
        async with self.database.reading() as session:
            agent_id = await session.scalar(wanted)
        if agent_id is None:
            return False
        async with self.database.writing() as session:
            await _remove_part(session, agent_id, events)
        return True


def _is_live() -> ColumnElement[bool]:
    return ExecutionRow.status.in_(LIVE)


def _seen_by(user_id: UUID) -> Select[AgentRow, bool]:
    running = exists().where(ExecutionRow.agent_id == AgentRow.id, _is_live())
    return select(AgentRow, running).where(AgentRow.user_id == user_id, AgentRow.deleted_at.is_(None))


async def _found(session: AsyncSession, user_id: UUID, agent_id: UUID) -> Agent:
    found = (await session.execute(_seen_by(user_id).where(AgentRow.id == agent_id))).one_or_none()
    if found is None:
        raise _not_found(agent_id)
    row, running = found
    return _agent(row, running=running)


async def _locked(session: AsyncSession, user_id: UUID, agent_id: UUID) -> AgentRow:
    # In PostgreSQL the lock blocks starts, whose foreign key needs the row, until this transaction has ended.
    row = await session.scalar(
        select(AgentRow)
        .where(AgentRow.id == agent_id, AgentRow.user_id == user_id, AgentRow.deleted_at.is_(None))
        .with_for_update()
    )
    if row is None:
        raise _not_found(agent_id)
    return row


async def _remove_part(session: AsyncSession, agent_id: UUID, most: int) -> None:
    """Remove whole executions, or the end of a long log, or finally the agent."""
    last = select(func.max(EventRow.sequence)).where(EventRow.execution_id == ExecutionRow.id).scalar_subquery()
    of_agent = select(ExecutionRow.id, func.coalesce(last, 0)).where(ExecutionRow.agent_id == agent_id)
    found = (await session.execute(of_agent.order_by(ExecutionRow.id).limit(EXECUTIONS_PER_STEP))).all()
    if not found:
        await session.execute(delete(AgentRow).where(AgentRow.id == agent_id))
        return
    first_id, length = found[0]
    if length > most:
        end = EventRow.sequence > length - most
        await session.execute(delete(EventRow).where(EventRow.execution_id == first_id, end))
        return
    lengths = accumulate(length for _, length in found)
    few = [row[0] for row, events in zip(found, lengths, strict=True) if events <= most]
    await session.execute(delete(ExecutionRow).where(ExecutionRow.id.in_(few)))


def _not_found(agent_id: UUID) -> AgentNotFound:
    return AgentNotFound(f"There is no agent {str(agent_id)!r}.")


def _stored(settings: AgentSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", include=set(AgentSettings.model_fields))


def _agent(row: AgentRow, *, running: bool) -> Agent:
    return Agent(
        **AgentSettings.model_validate(row.settings).model_dump(),
        id=row.id,
        status="running" if running else "idle",
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
