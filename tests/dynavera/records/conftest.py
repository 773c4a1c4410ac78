"""Runs the tests of the records on both SQLite and PostgreSQL."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from dynavera.contracts.users import User
from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from tests.owner import create_owner
from tests.postgres import PostgresServer, required
from tests.postgres import postgres as postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def records_url(request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresServer | None) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}"
    return required(postgres).new_database()


@pytest.fixture
async def database(records_url: str) -> AsyncGenerator[Database]:
    database = Database(records_url)
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
async def user(database: Database) -> User:
    return await create_owner(database)
