"""The database: SQLite on one machine, PostgreSQL beyond it, used alike."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

BUSY_TIMEOUT_SECONDS = 10
"""How long a SQLite transaction waits for another process's."""


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
        """Let go of every connection."""
        await self._engine.dispose()


@asynccontextmanager
async def _named_errors() -> AsyncGenerator[None]:
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated or type(error).__name__ in ("OperationalError", "InterfaceError"):
            raise DatabaseAway(f"The database cannot be used now: {error.orig}.") from error
        raise
    except (OSError, SQLAlchemyError) as error:
        if isinstance(error, OSError) or type(error).__name__ == "TimeoutError":
            raise DatabaseAway(f"The database cannot be reached: {error}.") from error
        raise


def _engine(url: str) -> AsyncEngine:
    if make_url(url).get_backend_name() != "sqlite":
        return create_async_engine(url, pool_pre_ping=True)
    engine = create_async_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver begins no transaction of its own: _begin_sqlite does. The journal stays SQLite's default, the
    # rollback journal: before 3.51.3 the write-ahead log can lose a commit when several processes write.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
