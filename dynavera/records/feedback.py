"""Feedback on executions, one row each; the event log stays as it is."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from dynavera.contracts.contract import utc_now
from dynavera.contracts.feedback import Feedback, FeedbackGiven, Verdict
from dynavera.records.tables import ExecutionRow, FeedbackRow


async def feedback_of(session: AsyncSession, execution_ids: Sequence[UUID]) -> dict[UUID, Feedback]:
    """The feedback on these executions; those without are left out."""
    if not execution_ids:
        return {}
    rows = await session.scalars(select(FeedbackRow).where(FeedbackRow.execution_id.in_(execution_ids)))
    return {row.execution_id: _feedback(row) for row in rows}


async def set_feedback(session: AsyncSession, execution_id: UUID, given: FeedbackGiven | None) -> None:
    """Replace the feedback on an execution, whose row is locked; None removes it."""
    await session.execute(delete(FeedbackRow).where(FeedbackRow.execution_id == execution_id))
    if given is not None:
        session.add(
            FeedbackRow(execution_id=execution_id, verdict=given.verdict, note=given.note, updated_at=utc_now())
        )
    await session.flush()


def has_feedback(verdict: Verdict) -> ColumnElement[bool]:
    """The condition that an execution has this feedback."""
    return exists().where(FeedbackRow.execution_id == ExecutionRow.id, FeedbackRow.verdict == verdict)


def _feedback(row: FeedbackRow) -> Feedback:
    return Feedback(verdict=cast("Verdict", row.verdict), note=row.note, updated_at=row.updated_at)
