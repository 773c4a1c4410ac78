"""What is looked for several times a second reads what it finds, and not all executions there are."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, event

from dynavera.contracts.agents import AgentSettings
from dynavera.contracts.contract import utc_now
from dynavera.records.agents import Agents
from dynavera.records.database import Database
from dynavera.records.deliveries import Deliveries
from dynavera.records.executions import Executions
from dynavera.records.migrate import migrate
from tests.owner import create_owner

Look = Callable[[Database, UUID, UUID], Awaitable[object]]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database]:
    """In SQLite, whose plans depend on the query alone; PostgreSQL's change with what is in the tables."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    await migrate(database)
    yield database
    await database.close()


async def stops_not_delivered(database: Database, _user_id: UUID, _agent_id: UUID) -> object:
    return await Deliveries(database).stops_not_delivered()


async def executions_of_agents(database: Database, _user_id: UUID, agent_id: UUID) -> object:
    return await Executions(database, "").of_agents({agent_id}, utc_now() - timedelta(seconds=30))


async def changed(database: Database, user_id: UUID, _agent_id: UUID) -> object:
    return await Executions(database, "").changed(user_id, utc_now() - timedelta(seconds=5))


async def newest_live(database: Database, user_id: UUID, agent_id: UUID) -> object:
    return await Executions(database, "").newest_live(user_id, agent_id)


async def one_agent(database: Database, user_id: UUID, agent_id: UUID) -> object:
    return await Agents(database).get(user_id, agent_id)


async def agents(database: Database, user_id: UUID, _agent_id: UUID) -> object:
    return await Agents(database).page(user_id, 50)


@pytest.mark.parametrize(
    ("look", "ways"),
    [
        (stops_not_delivered, {"SCAN executions USING INDEX ix_executions_stop_not_delivered"}),
        (
            executions_of_agents,
            {
                "SEARCH executions USING COVERING INDEX ix_executions_agent_id_status_id (agent_id=? AND status=?)",
                "SEARCH executions USING COVERING INDEX ix_executions_agent_id_id (agent_id=? AND id>?)",
            },
        ),
        (changed, {"SEARCH executions USING INDEX ix_executions_user_id_changed_at (user_id=? AND changed_at>?)"}),
        (
            newest_live,
            {
                "SEARCH executions USING INDEX ix_executions_user_id_id (user_id=? AND id=?)",
                "SEARCH executions USING COVERING INDEX ix_executions_agent_id_status_id (agent_id=? AND status=?)",
            },
        ),
        (
            one_agent,
            {"SEARCH executions USING INDEX ix_executions_agent_id_status_id (agent_id=? AND status=?)"},
        ),
        (
            agents,
            {"SEARCH executions USING INDEX ix_executions_agent_id_status_id (agent_id=? AND status=?)"},
        ),
    ],
)
async def test_a_look_finds_executions_by_an_index_that_leads_to_few(
    database: Database, look: Look, ways: set[str]
) -> None:
    user = await create_owner(database)
    agent = await Agents(database).create(user.id, AgentSettings(name="Tester"))

    with asked() as queries:
        await look(database, user.id, agent.id)

    assert {way for way in await plan(database, queries) if " executions" in way} == ways


@contextmanager
def asked() -> Generator[list[tuple[str, Any]]]:
    """The queries that are made meanwhile, with their parameters."""
    queries: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, query: str, parameters: Any, *_: object) -> None:
        queries.append((query, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield queries
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def plan(database: Database, queries: list[tuple[str, Any]]) -> list[str]:
    """How SQLite does what was asked for, step by step."""
    steps: list[str] = []
    async with database.connected() as connection:
        for query, parameters in queries:
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", parameters)
            steps += [row.detail for row in rows]
    return steps
