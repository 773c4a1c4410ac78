"""Migrations to the newest schema."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from dynavera.records.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x44796E61
"""The PostgreSQL advisory lock that one migrating process holds: "Dyna" in ASCII."""


class SchemaTooNew(Exception):
    """The database was written by a newer Dynavera."""


async def migrate(database: Database) -> None:
    """Apply the missing migrations in one transaction; processes that start together wait for each other.

    Raises:
        SchemaTooNew: the schema is newer than this code.
        DatabaseAway: the database cannot be used now.
    """
    async with database.connected() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        # There is rarely anything to do, and importing Alembic takes each process half a second.
        if not await connection.run_sync(_is_newest):
            await connection.run_sync(_upgrade)


def newest_revision() -> str:
    """The revision of this code: the number at the beginning of the last migration's file name."""
    return max(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("*.py"))


def alembic_config(connection: Connection) -> "Config":
    """Alembic's settings for `connection`."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _is_newest(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    return connection.scalar(text("SELECT version_num FROM alembic_version")) == newest_revision()


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        raise SchemaTooNew(
            "The database was written by a newer Dynavera. Update this one, or set DYNAVERA_DATA_DIR to another folder."
        ) from error
