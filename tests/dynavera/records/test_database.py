import asyncio
import gc
import random
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import text
from sqlalchemy.pool import QueuePool

from dynavera.records.database import Database, DatabaseAway, TidyConnection

ROWS = 3000
ROUNDS = 60
MORE_THAN_THE_POOL = 100


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    async with database.writing() as session:
        await session.execute(text("CREATE TABLE pages (n INTEGER, text TEXT)"))
        rows = [{"n": n, "text": "x" * 200} for n in range(ROWS)]
        await session.execute(text("INSERT INTO pages VALUES (:n, :text)"), rows)
    yield database
    await database.close()


def another_process_writes(folder: Path) -> None:
    """As another process would, without waiting for anybody."""
    other = sqlite3.connect(folder / "records.sqlite3", timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE pages SET n = n + 1 WHERE n = 5")
        other.execute("COMMIT")
    finally:
        other.close()


@pytest.mark.parametrize("end", ["rollback", "close"])
async def test_a_cursor_that_was_left_in_the_middle_keeps_no_lock(end: str, database: Database, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "records.sqlite3", factory=TidyConnection, isolation_level=None)
    connection.execute("BEGIN")
    left = connection.cursor()
    left.execute("SELECT * FROM pages")

    getattr(connection, end)()

    another_process_writes(tmp_path)
    connection.close()


async def test_readers_that_are_cancelled_keep_nobody_from_writing(database: Database, tmp_path: Path) -> None:
    chance = random.Random(7)
    left: list[object] = []

    async def read() -> None:
        async with asyncio.timeout(chance.uniform(0, 0.03)), database.reading() as session:
            await session.execute(text("SELECT * FROM pages"))
            await session.execute(text("SELECT n FROM pages"))

    for _ in range(ROUNDS):
        # Somebody keeps the errors, as a log does: with their tracebacks they keep everything that was in use.
        left += await asyncio.gather(*(read() for _ in range(4)), return_exceptions=True)
        async with asyncio.timeout(5), database.writing() as session:
            await session.execute(text("UPDATE pages SET n = n + 1 WHERE n = 5"))

    assert any(isinstance(error, TimeoutError) for error in left)
    await database.close()
    another_process_writes(tmp_path)
    left.clear()
    gc.collect()


@pytest.mark.parametrize("end", ["of itself", "cancelled"])
async def test_closing_leaves_no_connection_of_a_transaction_under_way_behind(
    end: str, database: Database, recwarn: pytest.WarningsRecorder
) -> None:
    begun = asyncio.Event()

    async def read() -> None:
        async with database.reading() as session:
            begun.set()
            await session.execute(text("SELECT * FROM pages"))

    reading = asyncio.create_task(read())
    await begun.wait()
    await asyncio.sleep(0)
    if end == "cancelled":
        reading.cancel()
    await database.close()
    await asyncio.wait({reading})
    gc.collect()

    assert [str(warning.message) for warning in recwarn if warning.category is ResourceWarning] == []


async def test_a_database_without_a_free_connection_is_away(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    cast("QueuePool", database._engine.pool)._timeout = 0  # pyright: ignore[reportPrivateUsage]

    with pytest.raises(DatabaseAway, match="cannot be reached"):
        await read_often_at_once(database)

    await database.close()


async def read_often_at_once(database: Database) -> None:
    async with AsyncExitStack() as held:
        for _ in range(MORE_THAN_THE_POOL):
            session = await held.enter_async_context(database.reading())
            await session.execute(text("SELECT 1"))
