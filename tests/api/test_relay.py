"""The cost of a viewer while nothing happens."""

import asyncio
import re
from collections.abc import Generator
from contextlib import aclosing, contextmanager

from sqlalchemy import Engine, event

from api.live.log import ExecutionLog
from api.live.relay import Relay
from dynavera.contracts.agents import AgentSettings
from dynavera.records.agents import Agents
from dynavera.records.database import Database
from dynavera.records.executions import Executions
from dynavera.records.logs import Logs
from dynavera.settings import Settings
from tests.owner import create_owner
from tests.serving import until
from tests.temporal import temporal_away

POLLS = 3


async def test_a_poll_of_a_queued_execution_is_one_transaction(settings: Settings, database: Database) -> None:
    user = await create_owner(database)
    agent = await Agents(database).create(user.id, AgentSettings(name="Tester"))
    execution = await Executions(database, "http://temporal.test").accept(user.id, agent.id, {"query": "What?"})
    relay = Relay(ExecutionLog(Logs(database), await temporal_away(settings)))

    async with aclosing(relay.follow(execution.id, 0, is_new=True)) as events:
        first = await anext(events)
        with transactions() as made:
            waiting = asyncio.ensure_future(anext(events))
            await until(lambda: len(made) > POLLS)
            waiting.cancel()
            await asyncio.wait({waiting})

    assert first.event.sequence == 1
    assert made[:POLLS] == [["executions", "events"]] * POLLS


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
