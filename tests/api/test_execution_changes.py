"""Changes of executions that become visible late."""

import asyncio
from contextlib import aclosing
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update

from api.live.changes import ExecutionChanges
from dynavera.contracts.agents import AgentSettings
from dynavera.contracts.contract import utc_now
from dynavera.records.agents import Agents
from dynavera.records.database import Database
from dynavera.records.executions import Executions
from dynavera.records.tables import ExecutionRow
from tests.owner import create_owner

INTERVAL = timedelta(milliseconds=10)


async def test_a_change_from_before_the_stream_is_shown_if_it_becomes_visible_later(database: Database) -> None:
    user = await create_owner(database)
    agent = await Agents(database).create(user.id, AgentSettings(name="Tester"))
    records = Executions(database, "http://temporal.test")
    known, late = [(await records.accept(user.id, agent.id, {"query": "What?"})).id for _ in range(2)]
    since = utc_now()
    await _change(database, known, since - timedelta(seconds=2))
    await _change(database, late, since - timedelta(hours=1))

    async with aclosing(ExecutionChanges(records, INTERVAL).watch(user.id, since)) as changes:
        first = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(5 * INTERVAL.total_seconds())
        await _change(database, late, since - timedelta(seconds=1))
        async with asyncio.timeout(5):
            shown = (await first).id

    assert shown == late


async def _change(database: Database, execution_id: UUID, moment: datetime) -> None:
    """Commit a change of the execution that has the time `moment`."""
    async with database.writing() as session:
        await session.execute(update(ExecutionRow).where(ExecutionRow.id == execution_id).values(changed_at=moment))
