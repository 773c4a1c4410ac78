"""One exception for an unavailable database, whichever driver raised the error."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

TRANSIENT_SQLSTATES = ("08", "25006", "28", "3D", "40", "53", "55P03", "57", "58", "XX")
"""PostgreSQL's codes for connection, read-only server, log-in, missing database, rollback, resources, lock, operator
intervention, system and internal errors (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""


class DatabaseAway(Exception):
    """The database cannot be used now; a retry may help."""


@asynccontextmanager
async def named_errors() -> AsyncGenerator[None]:
    """Raise `DatabaseAway` for errors that the database causes; others are raised as they are.

    Raises:
        DatabaseAway: the database is locked, full, damaged, out of reach or too slow.
    """
    try:
        yield
    except DBAPIError as error:
        if _is_transient(error):
            raise DatabaseAway(f"The database cannot be used now: {error.orig}.") from error
        raise
    except PoolTimeout as error:
        raise DatabaseAway("All connections to the database are in use.") from error
    except TimeoutError as error:
        raise DatabaseAway("The database does not answer.") from error
    except OSError as error:
        raise DatabaseAway(f"The database cannot be reached: {error}.") from error


def _is_transient(error: DBAPIError) -> bool:
    """Whether the database caused the error, and not the statement."""
    if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
        return True
    # SQLite raises DatabaseError itself for a damaged file; its subclasses are about one statement.
    if type(error) is DatabaseError:
        return True
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    return sqlstate.startswith(TRANSIENT_SQLSTATES)
