"""The database of a process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from dynavera.records.database import Database, DatabaseAway
from dynavera.records.migrate import SchemaTooNew
from dynavera.settings import Settings
from dynavera.startup import CannotStart


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncGenerator[Database]:
    """The database of the settings, not migrated yet; it is closed at the end.

    Raises:
        CannotStart: it cannot be used, or was written by a newer version.
    """
    database = Database(settings.records_url, settings.database_connections)
    try:
        yield database
    except DatabaseAway as error:
        raise CannotStart(f"{error} See DYNAVERA_DATABASE_URL.") from error
    except SchemaTooNew as error:
        raise CannotStart(str(error)) from error
    finally:
        await database.close()
