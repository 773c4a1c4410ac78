import asyncio
import gc
import random
import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from anyio import move_on_after
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import QueuePool

from dynavera.records.database import Database, DatabaseAway
from dynavera.records.sqlite import TidyConnection
from tests.postgres import PostgresServer, required

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
    """Write as another process would, without waiting for a lock."""
    other = sqlite3.connect(folder / "records.sqlite3", timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE pages SET n = n + 1 WHERE n = 5")
        other.execute("COMMIT")
    finally:
        other.close()


@pytest.mark.parametrize("end", ["rollback", "close"])
async def test_an_unfinished_cursor_keeps_no_lock(end: str, database: Database, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "records.sqlite3", factory=TidyConnection, isolation_level=None)
    connection.execute("BEGIN")
    left = connection.cursor()
    left.execute("SELECT * FROM pages")

    getattr(connection, end)()

    another_process_writes(tmp_path)
    connection.close()


async def test_cancelled_readers_do_not_block_writers(database: Database, tmp_path: Path) -> None:
    chance = random.Random(7)
    left: list[object] = []

    async def read() -> None:
        async with asyncio.timeout(chance.uniform(0, 0.03)), database.reading() as session:
            await session.execute(text("SELECT * FROM pages"))
            await session.execute(text("SELECT n FROM pages"))

    for _ in range(ROUNDS):
        # The errors are kept, as by a log: their tracebacks refer to everything that was in use.
        left += await asyncio.gather(*(read() for _ in range(4)), return_exceptions=True)
        async with asyncio.timeout(5), database.writing() as session:
            await session.execute(text("UPDATE pages SET n = n + 1 WHERE n = 5"))

    assert any(isinstance(error, TimeoutError) for error in left)
    await database.close()
    another_process_writes(tmp_path)
    left.clear()
    gc.collect()


@pytest.mark.parametrize("writes", [False, True])
async def test_a_cancel_scope_does_not_interrupt_a_transaction(
    writes: bool,
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chance = random.Random(7)

    async def use() -> None:
        with move_on_after(chance.uniform(0, 0.01)):
            async with database.writing() if writes else database.reading() as session:
                await session.execute(text("UPDATE pages SET n = n" if writes else "SELECT * FROM pages"))

    for _ in range(ROUNDS // 4):
        await asyncio.gather(*(use() for _ in range(8)))
    gc.collect()

    # A cancel scope cancels again and again what it interrupts: its connections were never closed.
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("end", ["by itself", "cancelled"])
async def test_closing_also_closes_the_connections_of_running_transactions(
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


async def test_a_database_without_a_free_connection_is_unavailable(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    cast("QueuePool", database._engine.pool)._timeout = 0  # pyright: ignore[reportPrivateUsage]

    with pytest.raises(DatabaseAway, match="All connections"):
        await read_often_at_once(database)

    await database.close()


async def read_often_at_once(database: Database) -> None:
    async with AsyncExitStack() as held:
        for _ in range(MORE_THAN_THE_POOL):
            session = await held.enter_async_context(database.reading())
            await session.execute(text("SELECT 1"))


@contextmanager
def locked_by_another_process(folder: Path) -> Generator[None]:
    other = sqlite3.connect(folder / "records.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.close()


@pytest.mark.parametrize("way", ["writing", "reading", "connected"])
async def test_a_locked_database_is_unavailable(way: str, database: Database, tmp_path: Path) -> None:
    impatient = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}", busy_seconds=0.05)

    with locked_by_another_process(tmp_path), pytest.raises(DatabaseAway, match="database is locked"):
        async with getattr(impatient, way)() as session:
            await session.execute(text("SELECT n FROM pages LIMIT 1"))

    await impatient.close()


async def test_writers_of_a_process_run_in_the_order_of_arrival(database: Database) -> None:
    order: list[int] = []

    async def write(number: int) -> None:
        async with database.writing() as session:
            await session.execute(text("UPDATE pages SET n = n + 1 WHERE n = 5"))
            order.append(number)

    await asyncio.gather(*(write(number) for number in range(200)))

    assert order == list(range(200))


async def test_a_writer_that_is_cancelled_in_the_queue_is_skipped(database: Database) -> None:
    async with database.writing():
        waiting = asyncio.create_task(write_once(database))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.wait({waiting})

    async with asyncio.timeout(2):
        await write_once(database)


async def write_once(database: Database) -> None:
    async with database.writing() as session:
        await session.execute(text("UPDATE pages SET n = n + 1 WHERE n = 5"))


async def write(session: AsyncSession) -> None:
    await session.execute(text("UPDATE pages SET n = n + 1 WHERE n = 5"))


async def test_waiting_writes_share_a_commit_but_fail_separately(database: Database) -> None:
    async def number(session: AsyncSession, value: int) -> int:
        await session.execute(text("INSERT INTO pages VALUES (:n, 'new')"), {"n": value})
        if value % 3 == 0:
            raise LookupError(value)
        return value

    commits: list[object] = []
    event.listen(database._engine.sync_engine, "commit", commits.append)  # pyright: ignore[reportPrivateUsage]
    answers = await asyncio.gather(
        *(database.write(partial(number, value=value)) for value in range(30)), return_exceptions=True
    )

    assert [answer for answer in answers if isinstance(answer, int)] == [n for n in range(30) if n % 3]
    assert [str(error) for error in answers if isinstance(error, LookupError)] == [str(n) for n in range(0, 30, 3)]
    async with database.reading() as session:
        kept = await session.scalars(text("SELECT n FROM pages WHERE text = 'new' ORDER BY rowid"))
        assert list(kept) == [n for n in range(30) if n % 3]
    assert len(commits) < 10


async def test_a_write_whose_caller_is_cancelled_delays_no_other(database: Database) -> None:
    async with database.writing():
        left = [asyncio.create_task(database.write(write)) for _ in range(5)]
        stays = asyncio.create_task(database.write(write))
        await asyncio.sleep(0.05)
        for task in left:
            task.cancel()
        await asyncio.wait(left)

    async with asyncio.timeout(2):
        await stays


async def test_a_failed_commit_fails_all_writes_that_share_it(database: Database, tmp_path: Path) -> None:
    impatient = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}", busy_seconds=0.05)
    reader = sqlite3.connect(tmp_path / "records.sqlite3", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT n FROM pages LIMIT 1").fetchone()
    answers = await asyncio.gather(*(impatient.write(write) for _ in range(5)), return_exceptions=True)
    reader.close()
    await impatient.write(write)
    await impatient.close()

    assert [type(answer) for answer in answers] == [DatabaseAway] * 5


@pytest.mark.parametrize("way", ["writing", "reading", "connected"])
async def test_a_file_that_is_not_a_database_is_reported(way: str, tmp_path: Path) -> None:
    database = not_a_database(tmp_path)

    with pytest.raises(DatabaseAway, match="file is not a database"):
        async with getattr(database, way)() as session:
            await session.execute(text("SELECT 1 FROM pages"))

    await database.close()


async def test_writes_to_a_file_that_is_not_a_database_fail_at_once(tmp_path: Path) -> None:
    database = not_a_database(tmp_path)

    async with asyncio.timeout(2):
        answers = await asyncio.gather(*(database.write(write) for _ in range(3)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [DatabaseAway] * 3
    await database.close()


def not_a_database(folder: Path) -> Database:
    (folder / "records.sqlite3").write_bytes(b"not a database " * 1000)
    return Database(f"sqlite+aiosqlite:///{folder / 'records.sqlite3'}")


async def test_postgresql_limits_statements_of_requests_and_not_those_of_migrations(
    postgres: PostgresServer | None,
) -> None:
    database = Database(required(postgres).new_database(), statement_seconds=0.2)

    with pytest.raises(DatabaseAway):
        async with database.reading() as session:
            await session.execute(text("SELECT pg_sleep(0.6)"))
    async with database.connected() as connection:
        await connection.execute(text("SELECT pg_sleep(0.6)"))

    await database.close()


async def test_a_refused_postgresql_log_in_is_reported(postgres: PostgresServer | None) -> None:
    nowhere = f"{required(postgres).new_database()}_that_is_not_there"

    with pytest.raises(DatabaseAway, match="does not exist"):
        async with Database(nowhere).reading() as session:
            await session.execute(text("SELECT 1"))
