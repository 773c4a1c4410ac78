"""SQLite as the records use it: connections that release their locks, and transactions that start with a lock."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast
from weakref import WeakSet

from sqlalchemy import AdaptedConnection, Connection, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

T = TypeVar("T")

POLL_SECONDS = 0.001
"""How often a writer tries to get the lock."""

JOURNAL_BYTES = 4 * 1024 * 1024
"""The size to which the journal file is truncated after a transaction."""

BEGIN_WRITING = "BEGIN IMMEDIATE"


def sqlite_engine(url: str, pool_timeout: float, busy_timeout: float) -> AsyncEngine:
    """The engine of a SQLite file; it waits `pool_timeout` seconds for a connection, `busy_timeout` for a lock."""
    options = {"timeout": busy_timeout, "factory": TidyConnection}
    engine = create_async_engine(url, connect_args=options, pool_timeout=pool_timeout)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


class TidyConnection(sqlite3.Connection):
    """A connection that releases its locks when it is rolled back or closed, even if a cursor is unfinished.

    A task that is cancelled during a query leaves an unfinished cursor. As long as anything refers to it, such as a
    traceback, SQLite keeps the read lock, even of a closed connection, and no process can commit any more.

    The constructor does all the setup: a task that is cancelled before a separate setup would leave the connection open
    forever.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._busy_timeout: float = options.get("timeout", 5.0)
        self._open: WeakSet[sqlite3.Cursor] = WeakSet()
        self._closed = False
        # Transactions are started by _begin, not by the driver.
        self.isolation_level = None
        # Not the write-ahead log: before SQLite 3.51.3 it can lose a commit when several processes write. A rollback
        # journal with an empty header, instead of a deleted one, halves the writes of a commit: 1.0 ms instead of 5.5.
        # For an unreadable file, the first statement raises the error, after which the driver closes the connection.
        with suppress(sqlite3.DatabaseError):
            self.execute("PRAGMA journal_mode = PERSIST")
        self.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}")
        # SQLite's own lower() is limited to ASCII. With this one, "café" finds "CAFÉ", as in PostgreSQL.
        self.create_function("lower", 1, _lower, deterministic=True)
        self.execute("PRAGMA foreign_keys = ON")

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        """Run a statement; one that starts to write waits as long as the busy timeout."""
        if sql != BEGIN_WRITING:
            return super().execute(sql, *arguments)
        return self._when_free(lambda: super(TidyConnection, self).execute(sql))

    def commit(self) -> None:
        """Commit, after waiting for readers as long as the busy timeout."""
        if self.in_transaction:
            self._when_free(super().commit)

    def _when_free(self, step: Callable[[], T]) -> T:
        """Do `step`, which needs a lock, as soon as the lock is free.

        SQLite itself tries again after pauses that grow to 100 ms. Between two transactions of a busy process the lock
        is free for less than a millisecond: other processes would rarely get it, and each commit would take some 30 ms
        while there are readers.
        """
        deadline = time.monotonic() + self._busy_timeout
        super().execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    return step()
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                        raise
                time.sleep(POLL_SECONDS)
        finally:
            super().execute(f"PRAGMA busy_timeout = {int(self._busy_timeout * 1000)}")

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        """A cursor that is closed with the transaction."""
        cursor = super().cursor(*arguments, **options)
        self._open.add(cursor)
        return cursor

    def rollback(self) -> None:
        """End the transaction and release its locks."""
        self._close_cursors()
        super().rollback()

    def close(self) -> None:
        """Close the connection; closing it twice is harmless."""
        if self._closed:
            return
        self._closed = True
        self.rollback()
        super().close()

    def _close_cursors(self) -> None:
        for cursor in list(self._open):
            cursor.close()


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    begin = BEGIN_WRITING if writes else "BEGIN"
    # One round trip to the driver's thread instead of SQLAlchemy's three, which saves a sixth of a short read.
    driver = cast("AdaptedConnection", connection.connection.dbapi_connection)
    try:
        driver.run_async(lambda sqlite: sqlite.execute(begin))
    except sqlite3.Error as error:
        # SQLAlchemy does not translate the errors of listeners. An error here is never that of the statement.
        raise OperationalError(begin, None, error) from error
