"""The database: SQLite on one machine, PostgreSQL beyond it, used alike."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, cast

from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import QueuePool

from dynavera.limits import DATABASE_CONNECTIONS
from dynavera.records.errors import DatabaseAway as DatabaseAway
from dynavera.records.errors import named_errors
from dynavera.records.group_commit import GroupCommit
from dynavera.records.sqlite import sqlite_engine

T = TypeVar("T")

QUEUE_SECONDS = 5
"""How long a transaction waits for those before it in this process."""

CLOSING_SECONDS, CLOSING_POLL_SECONDS = 2, 0.01
"""How long the end of a process waits for its transactions, and how often it looks."""

CONNECT_SECONDS, STATEMENT_SECONDS = 5, 10
"""Timeouts of PostgreSQL for a connection and for a statement: a lost server does not answer."""


class Database:
    """Opens short transactions; every writer starts with its lock, so that none fails half-way.

    A deferred SQLite transaction that reads and then writes fails at once with "database is locked" when another
    process writes, whatever the busy timeout; `BEGIN IMMEDIATE` waits for it. That wait is in no order, so the writers
    of a process queue before it, and at most one of them waits for the other processes.

    Args:
        url: SQLAlchemy's address of the database.
        connections: How many connections to PostgreSQL this process may have.
        statement_seconds: How long PostgreSQL may take to answer a statement; migrations take as long as they need.
    """

    def __init__(
        self, url: str, connections: int = DATABASE_CONNECTIONS, statement_seconds: float = STATEMENT_SECONDS
    ) -> None:
        self._url = url
        self._is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self._writers = asyncio.Lock() if self._is_sqlite else None
        self._group: GroupCommit | None = None
        if self._is_sqlite:
            self._engine = sqlite_engine(url, QUEUE_SECONDS)
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
            AsyncSession(self._engine, expire_on_commit=False) as session,
        ):
            await session.connection(execution_options={"writes": True})
            yield session
            await session.commit()

    async def write(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Do `work` in a transaction that commits at its end, or does nothing if it raises; what `work` returns.

        As `writing`, for short work that many do at once: in SQLite those that wait share a commit. A caller that is
        cancelled takes nothing back once its work has begun.

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
        async with named_errors(), AsyncSession(self._engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[AsyncConnection]:
        """A writing connection of its own, for migrations: statements may take as long as they need.

        Raises:
            DatabaseAway: the database is locked, full or out of reach.
        """
        engine = sqlite_engine(self._url, QUEUE_SECONDS) if self._is_sqlite else _patient_engine(self._url)
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
        # A connection that comes back to a pool that is closed already is never closed.
        while pool.checkedout() and time.monotonic() < deadline:  # noqa: ASYNC110 -- the pool has no event for it
            await asyncio.sleep(CLOSING_POLL_SECONDS)
        await self._engine.dispose()

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


def _patient_engine(url: str) -> AsyncEngine:
    return create_async_engine(url, connect_args={"timeout": CONNECT_SECONDS})
