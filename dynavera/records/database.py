"""The database: SQLite on one machine, PostgreSQL beyond it, used alike."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast
from weakref import WeakSet

from sqlalchemy import AdaptedConnection, Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import QueuePool

BUSY_TIMEOUT_SECONDS = 10
"""How long a SQLite transaction waits for another process's."""

CLOSING_SECONDS, CLOSING_POLL_SECONDS = 2, 0.01
"""How long the end of a process waits for its transactions, and how often it looks."""

CONNECT_SECONDS, STATEMENT_SECONDS = 5, 10
"""What PostgreSQL gets to connect and to answer: a server that vanished sends no word."""

PASSING_SQLSTATES = ("08", "40", "53", "55P03", "57", "58")
"""PostgreSQL's classes for connection, rollback, resources, lock, operator intervention and system errors."""


class DatabaseAway(Exception):
    """The database cannot be used now; trying again later may work."""


class Database:
    """Opens short transactions; every writer starts with its lock, so that none fails half-way.

    A deferred SQLite transaction that reads and then writes fails at once with "database is locked" when another
    process writes, whatever the busy timeout; `BEGIN IMMEDIATE` waits its turn.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncSession]:
        """A transaction that commits at the end, or does nothing if it raises.

        Raises:
            DatabaseAway: the database is locked, full or out of reach.
        """
        async with _named_errors(), AsyncSession(self._engine, expire_on_commit=False) as session:
            await session.connection(execution_options={"writes": True})
            yield session
            await session.commit()

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession]:
        """A transaction that only reads.

        Raises:
            DatabaseAway: the database is locked or out of reach.
        """
        async with _named_errors(), AsyncSession(self._engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[AsyncConnection]:
        """A writing connection, for migrations."""
        async with _named_errors(), self._engine.connect() as connection:
            writer = await connection.execution_options(writes=True)
            async with writer.begin():
                yield writer

    async def close(self) -> None:
        """Let go of every connection, once the transactions under way have ended."""
        pool = cast("QueuePool", self._engine.pool)
        deadline = time.monotonic() + CLOSING_SECONDS
        # A connection that comes back to a pool that is closed already is never closed.
        while pool.checkedout() and time.monotonic() < deadline:  # noqa: ASYNC110 -- the pool has no event for it
            await asyncio.sleep(CLOSING_POLL_SECONDS)
        await self._engine.dispose()


class TidyConnection(sqlite3.Connection):
    """A connection whose locks go when it is rolled back or closed, whatever became of its cursors.

    A task that is cancelled in the middle of a query leaves a cursor behind that has not been read to its end. As long
    as anything refers to it, be it a traceback, SQLite keeps the read lock, even of a connection that was closed: no
    process can commit any more.

    It is ready for use when it is made: a task that is cancelled between the two would leave it open for ever.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._open: WeakSet[sqlite3.Cursor] = WeakSet()
        self._closed = False
        # The driver begins no transaction of its own: _begin_sqlite does. The journal stays SQLite's default, the
        # rollback journal: before 3.51.3 the write-ahead log can lose a commit when several processes write.
        self.isolation_level = None
        # SQLite's own lower() knows ASCII only; PostgreSQL finds "CAFÉ" where one looks for "café", and so does this.
        self.create_function("lower", 1, _lower, deterministic=True)
        self.execute("PRAGMA foreign_keys = ON")

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        """A cursor that is closed with the transaction."""
        cursor = super().cursor(*arguments, **options)
        self._open.add(cursor)
        return cursor

    def rollback(self) -> None:
        """End the transaction, and every lock with it."""
        self._close_cursors()
        super().rollback()

    def close(self) -> None:
        """Close it for good; doing so twice does no harm."""
        if self._closed:
            return
        self._closed = True
        self.rollback()
        super().close()

    def _close_cursors(self) -> None:
        for cursor in list(self._open):
            cursor.close()


@asynccontextmanager
async def _named_errors() -> AsyncGenerator[None]:
    try:
        yield
    except DBAPIError as error:
        if _is_passing(error):
            raise DatabaseAway(f"The database cannot be used now: {error.orig}.") from error
        raise
    except (OSError, PoolTimeout) as error:
        raise DatabaseAway(f"The database cannot be reached: {error}.") from error


def _is_passing(error: DBAPIError) -> bool:
    if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
        return True
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    return sqlstate.startswith(PASSING_SQLSTATES)


def _engine(url: str) -> AsyncEngine:
    if make_url(url).get_backend_name() != "sqlite":
        timeouts = {"timeout": CONNECT_SECONDS, "command_timeout": STATEMENT_SECONDS}
        return create_async_engine(url, pool_pre_ping=True, connect_args=timeouts)
    engine = create_async_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "factory": TidyConnection})
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    # One hop to the driver's thread and back, where SQLAlchemy's own way takes three: a sixth of a short read.
    driver = cast("AdaptedConnection", connection.connection.dbapi_connection)
    driver.run_async(lambda sqlite: sqlite.execute(begin))
