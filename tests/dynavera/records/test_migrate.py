from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from dynavera.contracts.contract import utc_now
from dynavera.credentials import digest
from dynavera.identifiers import new_id
from dynavera.records.database import Database
from dynavera.records.executions import Executions
from dynavera.records.migrate import SchemaTooNew, alembic_config, migrate, newest_revision
from dynavera.records.owner import TOKEN_NAME
from dynavera.records.sessions import Sessions
from dynavera.records.tables import ApiKeyRow, Table
from dynavera.records.users import Users


@pytest.fixture
async def database(records_url: str) -> AsyncGenerator[Database]:
    database = Database(records_url)
    yield database
    await database.close()


async def revision(database: Database) -> str | None:
    async with database.reading() as session:
        return await session.scalar(text("SELECT version_num FROM alembic_version"))


async def test_an_empty_database_is_migrated_to_the_newest_schema(database: Database) -> None:
    await migrate(database)

    assert await revision(database) == newest_revision()


async def test_the_migrations_create_the_tables_of_the_records(database: Database) -> None:
    await migrate(database)

    async with database.connected() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), Table.metadata)
        )

    assert differences == []


async def test_a_migration_keeps_the_data_of_an_older_database(database: Database) -> None:
    now = utc_now()
    user_id, agent_id, execution_id = new_id(), new_id(), new_id()
    made = {"created_at": now, "settings": {"name": "Tester"}}
    async with database.connected() as connection:
        await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), "0002"))
        await connection.execute(row("users", id=user_id, name="owner", owner=True, active=True, created_at=now))
        await connection.execute(
            row("api_keys", id=new_id(), user_id=user_id, name=TOKEN_NAME, digest=digest("dyn_old"), created_at=now)
        )
        await connection.execute(row("agents", id=agent_id, user_id=user_id, updated_at=now, **made))
        await connection.execute(
            row(
                "executions",
                id=execution_id,
                user_id=user_id,
                agent_id=agent_id,
                status="queued",
                input_data={"query": "What?"},
                changed_at=now,
                **made,
            )
        )

    await migrate(database)

    newest = await Executions(database, "http://temporal.test").newest_live(user_id, agent_id)
    assert await revision(database) == newest_revision()
    assert newest is not None
    assert (newest.id, newest.created_at, newest.input_data) == (execution_id, now, {"query": "What?"})
    identity = await Users(database).identity("dyn_old")
    assert identity is not None
    assert identity.user.id == user_id
    async with database.reading() as session:
        key = await session.get(ApiKeyRow, identity.api_key_id)
    assert key is not None
    assert key.configured


async def test_sessions_of_an_older_database_stay_valid_and_are_listed(database: Database) -> None:
    now, user_id = utc_now(), new_id()
    lives = {"user_id": user_id, "expires_at": now + timedelta(days=1)}
    async with database.connected() as connection:
        await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), "0004"))
        await connection.execute(row("users", id=user_id, name="owner", owner=True, active=True, created_at=now))
        for hours, secret in enumerate(("ses_younger", "ses_older"), 1):
            begun = now - timedelta(hours=hours)
            await connection.execute(row("sessions", digest=digest(secret), created_at=begun, **lives))
        await connection.execute(row("login_codes", digest=digest("in_old"), **lives))

    await migrate(database)

    sessions = Sessions(database, timedelta(days=30))
    redeemed, asking = await sessions.redeem("in_old"), await sessions.identity("ses_older")
    assert redeemed is not None
    assert asking is not None
    assert (redeemed.user.id, redeemed.api_key_id, asking.user.id, asking.api_key_id) == (user_id, None, user_id, None)
    younger, older = (await sessions.page(asking, 10)).items
    assert (younger.current, younger.created_at, younger.last_used_at) == (False, *[now - timedelta(hours=1)] * 2)
    assert (older.current, older.created_at, older.user_agent) == (True, now - timedelta(hours=2), None)


async def test_the_newest_revision_is_the_one_that_alembic_finds(database: Database) -> None:
    async with database.connected() as connection:
        heads = await connection.run_sync(lambda sync: ScriptDirectory.from_config(alembic_config(sync)).get_heads())

    assert heads == [newest_revision()]


async def test_migrating_again_changes_nothing(database: Database) -> None:
    await migrate(database)
    await migrate(database)

    assert await revision(database) == newest_revision()


async def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    await migrate(database)
    async with database.writing() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaTooNew, match="DYNAVERA_DATA_DIR"):
        await migrate(database)


def row(table: str, **values: Any) -> sa.Insert:
    """A row of a table of an older schema, for which there are no classes."""
    columns: list[sa.ColumnClause[Any]] = [
        sa.column(name, sa.JSON() if isinstance(value, dict) else sa.literal(value).type)
        for name, value in values.items()
    ]
    return sa.insert(sa.table(table, *columns)).values(values)
