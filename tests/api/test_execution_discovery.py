"""Discovering new executions in the records."""

import asyncio
from contextlib import aclosing

import pytest
from sqlalchemy import text

from api.limits import ApiLimits
from api.live.discovery import NewExecutions
from dynavera.contracts.agents import AgentSettings
from dynavera.records.agents import Agents
from dynavera.records.database import Database
from dynavera.records.executions import Executions
from tests.owner import create_owner
from tests.serving import until


async def test_polling_continues_after_an_unexpected_error(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    user = await create_owner(database)
    agent = await Agents(database).create(user.id, AgentSettings(name="Tester"))
    records = Executions(database, "http://temporal.test")
    execution = await records.accept(user.id, agent.id, {"query": "What?"})
    async with database.writing() as session:
        await session.execute(text("DELETE FROM events"))
        await session.execute(text("UPDATE executions SET id = 'no id'"))

    async with aclosing(NewExecutions(records, ApiLimits().discovery_interval).watch(agent.id, set())) as executions:
        first = asyncio.ensure_future(anext(executions))
        await until(lambda: "New executions cannot be seen" in caplog.text)
        async with database.writing() as session:
            await session.execute(text("UPDATE executions SET id = :id"), {"id": execution.id.hex})
        async with asyncio.timeout(5):
            found = await first

    assert found == execution.id
    assert "Traceback" in caplog.text
