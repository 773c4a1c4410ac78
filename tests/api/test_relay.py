"""How dear a viewer is while nothing happens."""

import asyncio
import re
from collections.abc import Generator
from contextlib import aclosing, contextmanager

from sqlalchemy import Engine, event

from dynavera.contracts.agents import AgentSettings
from dynavera.records.agents import Agents
from dynavera.records.database import Database
from dynavera.records.executions import Executions
from dynavera.settings import Settings
from tests.api.conftest import streams
from tests.owner import create_owner
from tests.serving import until

LOOKS = 3


async def test_a_look_at_a_queued_execution_is_one_transaction(settings: Settings, database: Database) -> None:
    user = await create_owner(database)
    agent = await Agents(database).create(user.id, AgentSettings(name="Tester"))
    execution = await Executions(database, "http://temporal.test").accept(user.id, agent.id, {"query": "What?"})
    relay = (await streams(settings, database)).relay

    async with aclosing(relay.follow(execution.id, 0, is_new=True)) as events:
        first = await anext(events)
        with transactions() as made:
            waiting = asyncio.ensure_future(anext(events))
            await until(lambda: len(made) > LOOKS)
            waiting.cancel()
            await asyncio.wait({waiting})

    assert first.event.sequence == 1
    assert made[:LOOKS] == [["executions", "events"]] * LOOKS


@contextmanager
def transactions() -> Generator[list[list[str]]]:
    """The transactions of this process, each with the tables that its queries read."""
    made: list[list[str]] = []

    def begun(_connection: object) -> None:
        made.append([])

    def asked(_connection: object, _cursor: object, query: str, *_: object) -> None:
        made[-1] += re.findall(r"FROM (\w+)", query)

    event.listen(Engine, "begin", begun)
    event.listen(Engine, "before_cursor_execute", asked)
    try:
        yield made
    finally:
        event.remove(Engine, "begin", begun)
        event.remove(Engine, "before_cursor_execute", asked)
