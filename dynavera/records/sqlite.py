"""SQLite as the records use it: connections that leave no lock behind, and transactions that begin as they must."""

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

BUSY_TIMEOUT_SECONDS = 4
"""How long a statement waits for the lock of another process."""

POLL_SECONDS = 0.001
"""How often a writer looks whether the lock is free."""

JOURNAL_BYTES = 4 * 1024 * 1024
"""What of the journal is kept on the disk from one transaction to the next."""

BEGIN_WRITING = "BEGIN IMMEDIATE"


def sqlite_engine(url: str, pool_timeout: float) -> AsyncEngine:
    """The engine of a SQLite file; a connection is waited for `pool_timeout` seconds."""
    options = {"timeout": BUSY_TIMEOUT_SECONDS, "factory": TidyConnection}
    engine = create_async_engine(url, connect_args=options, pool_timeout=pool_timeout)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


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
        # The driver begins no transaction of its own: _begin does.
        self.isolation_level = None
        # Not the write-ahead log: before SQLite 3.51.3 it can lose a commit when several processes write. A rollback
        # journal that is kept, with an empty header, instead of deleted saves half of a commit's writes to the disk:
        # 1.0 ms instead of 5.5 ms.
        # A file that cannot be read says so at the first statement, when the driver closes the connection in order.
        with suppress(sqlite3.DatabaseError):
            self.execute("PRAGMA journal_mode = PERSIST")
        self.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}")
        # SQLite's own lower() knows ASCII only; PostgreSQL finds "CAFÉ" where one looks for "café", and so does this.
        self.create_function("lower", 1, _lower, deterministic=True)
        self.execute("PRAGMA foreign_keys = ON")

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        """Run a statement; one that begins to write waits as long as the busy timeout."""
        if sql != BEGIN_WRITING:
            return super().execute(sql, *arguments)
        return self._when_free(lambda: super(TidyConnection, self).execute(sql))

    def commit(self) -> None:
        """Commit, after waiting for readers as long as the busy timeout."""
        if self.in_transaction:
            self._when_free(super().commit)

    def _when_free(self, step: Callable[[], T]) -> T:
        """Do what needs a lock as soon as that is free.

        SQLite itself looks after pauses that grow to 100 ms. Between two transactions of a process that has many to do
        the lock is free for less than a millisecond: other processes would hardly get it, and each commit would take
        some 30 ms while there are readers.
        """
        deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
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
            super().execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_SECONDS * 1000)}")

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


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    begin = BEGIN_WRITING if writes else "BEGIN"
    # One hop to the driver's thread and back, where SQLAlchemy's own way takes three: a sixth of a short read.
    driver = cast("AdaptedConnection", connection.connection.dbapi_connection)
    try:
        driver.run_async(lambda sqlite: sqlite.execute(begin))
    except sqlite3.Error as error:
        # SQLAlchemy does not translate the errors of listeners. Whatever fails here, the statement is not to blame.
        raise OperationalError(begin, None, error) from error
