"""Query plans: queries that run several times a second use an index and do not scan all executions."""

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

Query = Callable[[Database, UUID, UUID], Awaitable[object]]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database]:
    """SQLite only: PostgreSQL's plans depend on the content of the tables."""
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
    ("query", "steps"),
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
async def test_frequent_queries_use_a_selective_index(database: Database, query: Query, steps: set[str]) -> None:
    user = await create_owner(database)
    agent = await Agents(database).create(user.id, AgentSettings(name="Tester"))

    with recorded_queries() as queries:
        await query(database, user.id, agent.id)

    assert {step for step in await plan(database, queries) if " executions" in step} == steps


@contextmanager
def recorded_queries() -> Generator[list[tuple[str, Any]]]:
    """The queries that run in the block, with their parameters."""
    queries: list[tuple[str, Any]] = []

    def record(_connection: object, _cursor: object, query: str, parameters: Any, *_: object) -> None:
        queries.append((query, parameters))

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield queries
    finally:
        event.remove(Engine, "before_cursor_execute", record)


async def plan(database: Database, queries: list[tuple[str, Any]]) -> list[str]:
    """The steps of SQLite's query plans."""
    steps: list[str] = []
    async with database.connected() as connection:
        for query, parameters in queries:
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", parameters)
            steps += [row.detail for row in rows]
    return steps
