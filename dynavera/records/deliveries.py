"""Starts and stops to deliver to Temporal, and the executions that should be running there."""

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
"""Executions per query."""


@dataclass(frozen=True)
class WorkflowInput:
    """The input of an execution's workflow."""

    execution_id: UUID
    agent_id: UUID
    user_id: UUID
    settings: AgentSettings
    input_data: dict[str, Any]


@dataclass(frozen=True)
class Live:
    """An execution that has not ended; `obstacle` is why it cannot continue, if anything prevents that."""

    execution_id: UUID
    obstacle: str | None


@dataclass(frozen=True)
class Deliveries:
    """The queries of the sweep."""

    database: Database

    async def workflow_input(self, execution_id: UUID) -> WorkflowInput | None:
        """The input of the workflow; None if the execution has ended."""
        async with self.database.reading() as session:
            row = await session.get(ExecutionRow, execution_id)
        return _workflow_input(row) if row is not None and row.status in LIVE else None

    async def not_started(self) -> list[UUID]:
        """Accepted executions whose workflow is not known to have started, oldest first."""
        return await self._ids(
            select(ExecutionRow.id).where(ExecutionRow.status == "queued", ExecutionRow.workflow_started_at.is_(None))
        )

    async def stops_not_delivered(self) -> list[UUID]:
        """Executions whose stop has not been delivered to Temporal, oldest first."""
        return await self._ids(
            select(ExecutionRow.id).where(
                ExecutionRow.stop_requested_at.is_not(None), ExecutionRow.stop_delivered_at.is_(None)
            )
        )

    async def stops_not_carried_out(self, before: datetime) -> list[tuple[UUID, UUID]]:
        """User id and id of each execution that runs although its stop was requested before then, oldest first."""
        wanted = (
            select(ExecutionRow.user_id, ExecutionRow.id)
            .where(ExecutionRow.status == "running", ExecutionRow.stop_requested_at < before)
            .order_by(ExecutionRow.id)
            .limit(BATCH_SIZE)
        )
        async with self.database.reading() as session:
            return [(user_id, execution_id) for user_id, execution_id in await session.execute(wanted)]

    async def live(self, before: datetime) -> AsyncGenerator[Live]:
        """Queued or running executions with a workflow that were accepted before then, oldest first."""
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
            for execution in part:
                yield execution
            part = await self._live(wanted.where(ExecutionRow.id > part[-1].execution_id))

    async def hindered(self) -> list[Live]:
        """Executions that cannot continue at present, oldest first."""
        wanted = select(ExecutionRow).where(ExecutionRow.status.in_(LIVE), ExecutionRow.error_message.is_not(None))
        return await self._live(wanted.order_by(ExecutionRow.id).limit(BATCH_SIZE))

    async def note_obstacle(self, execution_id: UUID, obstacle: str | None) -> None:
        """Record why a live execution cannot continue; None removes that."""
        async with self.database.writing() as session:
            await session.execute(
                update(ExecutionRow)
                .where(ExecutionRow.id == execution_id, ExecutionRow.status.in_(LIVE))
                .values(error_message=obstacle, changed_at=utc_now())
            )

    async def note_started(self, execution_id: UUID) -> None:
        """Record that Temporal has the workflow."""
        await self._note(execution_id, workflow_started_at=utc_now())

    async def note_stop_delivered(self, execution_id: UUID) -> None:
        """Record that Temporal has the stop, or nothing to stop."""
        await self._note(execution_id, stop_delivered_at=utc_now())

    async def stop_requested_before(self, execution_id: UUID, age: timedelta) -> bool:
        """Whether the stop was requested longer ago than `age`."""
        async with self.database.reading() as session:
            requested_at = await session.scalar(
                select(ExecutionRow.stop_requested_at).where(ExecutionRow.id == execution_id)
            )
        return requested_at is not None and requested_at < utc_now() - age

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
