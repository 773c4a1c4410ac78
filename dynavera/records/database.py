"""The database, with the same interface for SQLite and PostgreSQL."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, cast

from anyio import CancelScope
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import QueuePool

from dynavera.limits import DATABASE_CONNECTIONS
from dynavera.records.errors import DatabaseAway as DatabaseAway
from dynavera.records.errors import named_errors
from dynavera.records.group_commit import GroupCommit
from dynavera.records.sqlite import sqlite_engine

T = TypeVar("T")

BUSY_SECONDS = 4
"""How long a SQLite statement waits for the lock of another process."""

QUEUE_SECONDS = 5
"""How long a transaction waits for earlier ones of this process."""

CLOSING_SECONDS, CLOSING_POLL_SECONDS = 2, 0.01
"""How long closing waits for open transactions, and how often it checks."""

CONNECT_SECONDS, STATEMENT_SECONDS = 5, 10
"""Timeouts of PostgreSQL for a connection and for a statement, for a server that does not respond."""


class Database:
    """Opens short transactions; a writer starts with its lock, so that it does not fail later.

    A deferred SQLite transaction that reads and then writes fails at once with "database is locked" when another
    process writes, whatever the busy timeout; `BEGIN IMMEDIATE` waits for it. That wait has no order, so the writers
    of a process queue first, and at most one of them waits for other processes.

    Args:
        url: The database's URL for SQLAlchemy.
        connections: How many connections to PostgreSQL this process may have.
        statement_seconds: How long PostgreSQL may take to answer a statement; migrations take as long as they need.
        busy_seconds: How long a SQLite statement waits for the lock of another process.
    """

    def __init__(
        self,
        url: str,
        connections: int = DATABASE_CONNECTIONS,
        statement_seconds: float = STATEMENT_SECONDS,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self._busy_seconds = busy_seconds
        self._url = url
        self._is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self._writers = asyncio.Lock() if self._is_sqlite else None
        self._group: GroupCommit | None = None
        if self._is_sqlite:
            self._engine = sqlite_engine(url, QUEUE_SECONDS, busy_seconds)
            self._group = GroupCommit(self._engine, self._turn_to_write, QUEUE_SECONDS)
        else:
            self._engine = _postgresql_engine(url, connections, statement_seconds)

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncSession]:
        """A transaction that commits at the end, or does nothing if it raises.

        Raises:
            DatabaseAway: the database is locked, full or out of reach, or too many others write.
        """
        async with (
            named_errors(),
            self._turn_to_write(),
            self._session() as session,
        ):
            await session.connection(execution_options={"writes": True})
            yield session
            await session.commit()

    async def write(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Do `work` in a transaction that commits at its end, or does nothing if it raises; what `work` returns.

        Like `writing`, for short work with many concurrent callers: in SQLite, waiting ones share a commit. Cancelling
        the caller does not undo work that has begun.

        Raises:
            DatabaseAway: the database is locked, full or out of reach, or too many others write.
        """
        if self._group is not None:
            return await self._group.write(work)
        async with self.writing() as session:
            return await work(session)

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession]:
        """A transaction that only reads.

        Raises:
            DatabaseAway: the database is locked or out of reach.
        """
        async with named_errors(), self._session() as session:
            yield session

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[AsyncConnection]:
        """A separate connection for migrations, whose statements have no timeout.

        Raises:
            DatabaseAway: the database is locked, full or out of reach.
        """
        engine = (
            sqlite_engine(self._url, QUEUE_SECONDS, self._busy_seconds)
            if self._is_sqlite
            else _engine_without_timeout(self._url)
        )
        try:
            async with named_errors(), engine.connect() as connection:
                writer = await connection.execution_options(writes=True)
                async with writer.begin():
                    yield writer
        finally:
            await engine.dispose()

    async def close(self) -> None:
        """Close every connection, after the open transactions have ended."""
        pool = cast("QueuePool", self._engine.pool)
        deadline = time.monotonic() + CLOSING_SECONDS
        # A connection that is returned to a closed pool is never closed.
        while pool.checkedout() and time.monotonic() < deadline:  # noqa: ASYNC110 -- the pool has no event for it
            await asyncio.sleep(CLOSING_POLL_SECONDS)
        await self._engine.dispose()

    @asynccontextmanager
    async def _session(self) -> AsyncGenerator[AsyncSession]:
        # A cancelled scope of anyio, such as that of an MCP call, also cancels each step of cleaning up, so that an
        # interrupted connection would never be closed. A transaction is short, and is finished instead.
        with CancelScope(shield=True):
            async with AsyncSession(self._engine, expire_on_commit=False) as session:
                yield session

    @asynccontextmanager
    async def _turn_to_write(self) -> AsyncGenerator[None]:
        if self._writers is None:
            yield
            return
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                await self._writers.acquire()
        except TimeoutError as error:
            raise DatabaseAway(f"The database has been busy for {QUEUE_SECONDS} s.") from error
        try:
            yield
        finally:
            self._writers.release()


def _postgresql_engine(url: str, connections: int, statement_seconds: float) -> AsyncEngine:
    timeouts = {"timeout": CONNECT_SECONDS, "command_timeout": statement_seconds}
    return create_async_engine(
        url,
        pool_pre_ping=True,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=QUEUE_SECONDS,
        connect_args=timeouts,
    )


def _engine_without_timeout(url: str) -> AsyncEngine:
    return create_async_engine(url, connect_args={"timeout": CONNECT_SECONDS})
