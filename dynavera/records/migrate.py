"""Bring the database to the newest schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from dynavera.records.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x44796E61
"""The PostgreSQL advisory lock that one migrating process holds: "Dyna" in ASCII."""


class SchemaTooNew(Exception):
    """The database was written by a newer Dynavera."""


async def migrate(database: Database) -> None:
    """Apply what is missing, in one transaction; processes that start together wait for each other.

    Raises:
        SchemaTooNew: the schema is newer than this code.
        DatabaseAway: the database cannot be used now.
    """
    async with database.connected() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        await connection.run_sync(_upgrade)


def alembic_config(connection: Connection) -> Config:
    """Alembic's settings for `connection`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        raise SchemaTooNew(
            "The database was written by a newer Dynavera. Update this one, or set DYNAVERA_DATA_DIR to another folder."
        ) from error
