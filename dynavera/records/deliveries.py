"""What has been accepted and is to reach Temporal: starts, stops, and the executions that should live there."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from dynavera.contracts.agents import AgentSettings
from dynavera.contracts.contract import utc_now
from dynavera.contracts.executions import LIVE
from dynavera.records.database import Database
from dynavera.records.tables import ExecutionRow

BATCH_SIZE = 500
"""Executions that are read at a time."""


@dataclass(frozen=True)
class WorkflowInput:
    """What the workflow of an execution starts with."""

    execution_id: UUID
    agent_id: UUID
    user_id: UUID
    settings: AgentSettings
    input_data: dict[str, Any]


@dataclass(frozen=True)
class Live:
    """An execution that has not ended; `obstacle` is what keeps it from going on, if anything does."""

    execution_id: UUID
    obstacle: str | None


@dataclass(frozen=True)
class Deliveries:
    """The sweep's list of what is to be done."""

    database: Database

    async def workflow_input(self, execution_id: UUID) -> WorkflowInput | None:
        """What the workflow starts with; None when the execution has ended."""
        async with self.database.reading() as session:
            row = await session.get(ExecutionRow, execution_id)
        return _workflow_input(row) if row is not None and row.status in LIVE else None

    async def not_started(self) -> list[UUID]:
        """Accepted executions whose workflow is not known to have started, oldest first."""
        return await self._ids(
            select(ExecutionRow.id).where(ExecutionRow.status == "queued", ExecutionRow.workflow_started_at.is_(None))
        )

    async def stops_not_delivered(self) -> list[UUID]:
        """Executions whose stop Temporal has not heard of, oldest first."""
        return await self._ids(
            select(ExecutionRow.id).where(
                ExecutionRow.stop_requested_at.is_not(None), ExecutionRow.stop_delivered_at.is_(None)
            )
        )

    async def stops_not_carried_out(self, before: datetime) -> list[tuple[UUID, UUID]]:
        """User id and id of each execution that still runs though its stop was asked for before then, oldest first."""
        wanted = (
            select(ExecutionRow.user_id, ExecutionRow.id)
            .where(ExecutionRow.status == "running", ExecutionRow.stop_requested_at < before)
            .order_by(ExecutionRow.id)
            .limit(BATCH_SIZE)
        )
        async with self.database.reading() as session:
            return [(user_id, execution_id) for user_id, execution_id in await session.execute(wanted)]

    async def live(self, before: datetime) -> AsyncGenerator[Live]:
        """Executions that are queued or running in Temporal and were accepted before then, oldest first."""
        wanted = (
            select(ExecutionRow)
            .where(
                ExecutionRow.status.in_(LIVE),
                ExecutionRow.workflow_started_at.is_not(None),
                ExecutionRow.created_at < before,
            )
            .order_by(ExecutionRow.id)
            .limit(BATCH_SIZE)
        )
        part = await self._live(wanted)
        while part:
            for one in part:
                yield one
            part = await self._live(wanted.where(ExecutionRow.id > part[-1].execution_id))

    async def hindered(self) -> list[Live]:
        """Executions that cannot go on at present, oldest first."""
        wanted = select(ExecutionRow).where(ExecutionRow.status.in_(LIVE), ExecutionRow.error_message.is_not(None))
        return await self._live(wanted.order_by(ExecutionRow.id).limit(BATCH_SIZE))

    async def note_obstacle(self, execution_id: UUID, obstacle: str | None) -> None:
        """What keeps a live execution from going on; None: nothing any more."""
        async with self.database.writing() as session:
            await session.execute(
                update(ExecutionRow)
                .where(ExecutionRow.id == execution_id, ExecutionRow.status.in_(LIVE))
                .values(error_message=obstacle, changed_at=utc_now())
            )

    async def note_started(self, execution_id: UUID) -> None:
        """Temporal has the workflow."""
        await self._note(execution_id, workflow_started_at=utc_now())

    async def note_stop_delivered(self, execution_id: UUID) -> None:
        """Temporal knows of the stop, or has nothing to stop."""
        await self._note(execution_id, stop_delivered_at=utc_now())

    async def stop_requested_before(self, execution_id: UUID, age: timedelta) -> bool:
        """Whether the stop was asked for longer ago than `age`."""
        async with self.database.reading() as session:
            asked = await session.scalar(select(ExecutionRow.stop_requested_at).where(ExecutionRow.id == execution_id))
        return asked is not None and asked < utc_now() - age

    async def _ids(self, wanted: Select[UUID]) -> list[UUID]:
        async with self.database.reading() as session:
            return list(await session.scalars(wanted.order_by(ExecutionRow.id).limit(BATCH_SIZE)))

    async def _live(self, wanted: Select[ExecutionRow]) -> list[Live]:
        narrow = wanted.options(load_only(ExecutionRow.id, ExecutionRow.error_message))
        async with self.database.reading() as session:
            return [Live(row.id, row.error_message) for row in await session.scalars(narrow)]

    async def _note(self, execution_id: UUID, **moment: datetime) -> None:
        async def note(session: AsyncSession) -> None:
            await session.execute(update(ExecutionRow).where(ExecutionRow.id == execution_id).values(**moment))

        await self.database.write(note)


def _workflow_input(row: ExecutionRow) -> WorkflowInput:
    return WorkflowInput(row.id, row.agent_id, row.user_id, AgentSettings.model_validate(row.settings), row.input_data)
