"""Group commit: writes of one process that wait for SQLite's lock share a transaction."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from dynavera.records.errors import DatabaseAway, named_errors

MAX_GROUP_SIZE = 50
GROUP_SECONDS = 0.1
"""A group commits after this many writes or seconds, because the first waits for the last."""

T = TypeVar("T")


class GroupCommit:
    """Commits waiting writes together, each in a savepoint, in the order of their arrival.

    A commit waits for readers and for the disk, about ten times as long as the rest of a short transaction takes.

    Args:
        engine: SQLite's.
        turn_to_write: Excludes the process's other writers.
        max_wait: Seconds after which a waiting write is refused when the database cannot be used.
    """

    def __init__(
        self, engine: AsyncEngine, turn_to_write: Callable[[], AbstractAsyncContextManager[None]], max_wait: float
    ) -> None:
        self._engine = engine
        self._turn_to_write = turn_to_write
        self._max_wait = max_wait
        self._waiting: deque[_Write[Any]] = deque()
        self._committing: asyncio.Task[None] | None = None

    async def write(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Do `work` and commit; returns its result.

        Raises:
            DatabaseAway: the database is locked, full or out of reach, or too many others write.
        """
        write = _Write(work)
        self._waiting.append(write)
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_all())
        return await write.answer

    async def _commit_all(self) -> None:
        while self._waiting:
            group: list[_Write[Any]] = []
            try:
                await self._commit(group)
            except Exception as error:  # noqa: BLE001 -- the callers of `write` get it
                for write in group:
                    write.fail(error)
                self._refuse_waiting(error)
            else:
                for write in group:
                    write.succeed()

    async def _commit(self, group: list["_Write[Any]"]) -> None:
        async with named_errors(), self._turn_to_write(), self._engine.connect() as connection:
            await connection.execution_options(writes=True)
            async with connection.begin():
                for write in self._next():
                    group.append(write)
                    await write.run(connection)

    def _next(self) -> Generator["_Write[Any]"]:
        """The waiting writes, including new ones, until the group is large or old enough."""
        end = time.monotonic() + GROUP_SECONDS
        for _ in range(MAX_GROUP_SIZE):
            while self._waiting and self._waiting[0].answer.done():
                self._waiting.popleft()
            if not self._waiting or time.monotonic() >= end:
                return
            yield self._waiting.popleft()

    def _refuse_waiting(self, error: Exception) -> None:
        """Refuse the first write and all that have waited too long. The others are tried again."""
        latest = time.monotonic() - self._max_wait
        is_first = True
        while self._waiting and (is_first or self._waiting[0].since <= latest):
            self._waiting.popleft().fail(error)
            is_first = False


class _Write(Generic[T]):
    def __init__(self, work: Callable[[AsyncSession], Awaitable[T]]) -> None:
        self._work = work
        self._end: Callable[[], None] | None = None
        self.since = time.monotonic()
        self.answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    async def run(self, connection: AsyncConnection) -> None:
        """Do the work in a savepoint.

        Raises:
            DatabaseAway: the database failed, which may have ended the whole transaction.
        """
        options: dict[str, Any] = {"expire_on_commit": False, "join_transaction_mode": "create_savepoint"}
        try:
            async with named_errors(), AsyncSession(connection, **options) as session:
                result = await self._work(session)
                await session.commit()
        except DatabaseAway:
            raise
        except Exception as error:  # noqa: BLE001 -- the caller of `write` gets it
            self._end = lambda failure=error: self.answer.set_exception(failure)
        else:
            self._end = lambda: self.answer.set_result(result)

    def succeed(self) -> None:
        """The group has been committed."""
        if self._end is not None and not self.answer.done():
            self._end()

    def fail(self, error: Exception) -> None:
        """Nothing of the group has been committed."""
        if not self.answer.done():
            self.answer.set_exception(error)
