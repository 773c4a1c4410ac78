"""The orders in which executions are listed, one page after the other."""

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Float, Select, UnaryExpression, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

from dynavera.contracts.executions import ExecutionStatus
from dynavera.records.cursors import BadCursor, cursor_id
from dynavera.records.tables import ExecutionRow

ExecutionSort = Literal["created_at", "duration", "status"]
SortOrder = Literal["asc", "desc"]

_STATUS_RANKS: dict[ExecutionStatus, int] = {"queued": 0, "running": 1, "completed": 2, "failed": 3, "stopped": 4}
_AFTER_ALL = 10**15
"""In place of the duration of an execution that has none, in microseconds: it comes last in both orders."""


class _SecondsBetween(FunctionElement[float]):
    """The seconds from the first time to the second; NULL if one of them is."""

    name = "seconds_between"
    type = Float()
    inherit_cache = True


@compiles(_SecondsBetween)
def _in_postgresql(element: _SecondsBetween, compiler: SQLCompiler, **options: Any) -> str:
    begin, end = (compiler.process(time, **options) for time in element.clauses)
    return f"EXTRACT(EPOCH FROM ({end} - {begin}))"


@compiles(_SecondsBetween, "sqlite")
def _in_sqlite(element: _SecondsBetween, compiler: SQLCompiler, **options: Any) -> str:
    begin, end = (compiler.process(time, **options) for time in element.clauses)
    return f"((julianday({end}) - julianday({begin})) * 86400)"


def ordering(sort: ExecutionSort, order: SortOrder) -> list[UnaryExpression[Any]]:
    """What a list is ordered by; of equal ones the newest comes first."""
    key = _key(sort, order)
    return [key.asc() if order == "asc" else key.desc(), ExecutionRow.id.desc()]


async def beyond(session: AsyncSession, cursor: str, sort: ExecutionSort, order: SortOrder) -> ColumnElement[bool]:
    """The condition of executions that come after those of the page before the cursor.

    Raises:
        BadCursor: the cursor is invalid, or its execution has been deleted and the order needs it.
    """
    last_id = cursor_id(cursor)
    if sort == "created_at":
        # The ids sort by time.
        return ExecutionRow.id > last_id if order == "asc" else ExecutionRow.id < last_id
    key = _key(sort, order)
    last = await session.scalar(_key_of(last_id, key))
    if last is None:
        raise BadCursor("The execution at the cursor has been deleted. Start again without a cursor.")
    further = key > last if order == "asc" else key < last
    return or_(further, and_(key == last, ExecutionRow.id < last_id))


def _key_of(execution_id: UUID, key: ColumnElement[Any]) -> Select[Any]:
    return select(key).where(ExecutionRow.id == execution_id)


def _key(sort: ExecutionSort, order: SortOrder) -> ColumnElement[Any]:
    if sort == "duration":
        ran = _SecondsBetween(ExecutionRow.started_at, ExecutionRow.completed_at)
        # Whole microseconds are equal to themselves when they come back as a parameter.
        return func.coalesce(func.round(ran * 1_000_000), _AFTER_ALL if order == "asc" else -1)
    if sort == "status":
        return case(_STATUS_RANKS, value=ExecutionRow.status, else_=len(_STATUS_RANKS))
    return ExecutionRow.id.expression
