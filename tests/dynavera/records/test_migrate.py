from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from dynavera.records.database import Database
from dynavera.records.migrate import SchemaTooNew, alembic_config, migrate, newest_revision


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    yield database
    await database.close()


async def revision(database: Database) -> str | None:
    async with database.reading() as session:
        return await session.scalar(text("SELECT version_num FROM alembic_version"))


async def test_an_empty_database_comes_to_the_newest_schema(database: Database) -> None:
    await migrate(database)

    assert await revision(database) == newest_revision()


async def test_the_newest_revision_is_the_one_that_alembic_finds(database: Database) -> None:
    async with database.connected() as connection:
        heads = await connection.run_sync(lambda sync: ScriptDirectory.from_config(alembic_config(sync)).get_heads())

    assert heads == [newest_revision()]


async def test_migrating_again_changes_nothing(database: Database) -> None:
    await migrate(database)
    await migrate(database)

    assert await revision(database) == newest_revision()


async def test_a_database_of_a_newer_dynavera_is_refused_in_words(database: Database) -> None:
    await migrate(database)
    async with database.writing() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaTooNew, match="DYNAVERA_DATA_DIR"):
        await migrate(database)
