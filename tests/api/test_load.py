"""Many clients at once, on SQLite and on PostgreSQL."""

import asyncio
import itertools
import sqlite3
from collections import Counter
from contextlib import AsyncExitStack
from uuid import UUID

import pytest
from websockets.exceptions import ConnectionClosedError

from api.limits import ApiLimits
from api.routers.stream import TRY_AGAIN_LATER
from dynavera.contracts.agents import Agent
from dynavera.records.executions import ExecutionQuery
from tests.api.live import KEY, Conversation, Live
from tests.postgres import PostgresServer, required

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIENTS, STARTS_OF_A_CLIENT = 40, 5
SOCKETS = 200


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, postgres: PostgresServer | None) -> str | None:
    if request.param == "sqlite":
        return None
    return required(postgres).new_database()


async def test_200_concurrent_starts_are_accepted_or_refused_with_a_problem(live: Live) -> None:
    async with live.another_api() as other_url:
        agents = [await live.another_agent() for _ in range(CLIENTS)]
        ways = itertools.cycle(itertools.product((_start_by_rest, _start_by_socket), (live.url, other_url)))
        answers = await asyncio.gather(
            *(start(live, url, agent) for agent, (start, url) in zip(agents, ways, strict=False))
        )
        said = Counter(answer for some in answers for answer in some)

    assert sum(said.values()) == CLIENTS * STARTS_OF_A_CLIENT
    assert set(said) <= {"accepted", "database_away"}
    assert said["accepted"] == await _stored(live)


async def test_200_open_sockets_show_new_executions_from_their_first_event(live: Live) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with AsyncExitStack() as open_sockets, live.worker():
        sockets = await asyncio.gather(
            *(open_sockets.enter_async_context(live.opened(None, None, headers)) for _ in range(SOCKETS))
        )
        execution_id = await live.start()
        logs = await asyncio.gather(*(socket.log(execution_id) for socket in sockets))

    assert Counter(log[0]["sequence"] for log in logs) == {1: SOCKETS}
    assert len({tuple(event["sequence"] for event in log) for log in logs}) == 1


@pytest.mark.parametrize("database_url", [None], ids=["sqlite"])
async def test_pings_are_answered_while_an_action_waits_for_the_database(live: Live) -> None:
    async with live.socket() as socket:
        with sqlite3.connect(live.settings.data_dir / "records.sqlite3", isolation_level=None) as another_process:
            another_process.execute("BEGIN IMMEDIATE")
            await socket.say(action="start_agent", input_data={"query": "What?"})
            await socket.say(action="start_agent", input_data={"query": "What else?"})
            async with asyncio.timeout(2):
                await (await socket.connection.ping())
            another_process.execute("ROLLBACK")
        another_process.close()

        assert (await socket.answer("accepted", "error"))["type"] == "accepted"
        assert (await socket.answer("accepted", "error"))["type"] == "accepted"


@pytest.mark.parametrize("database_url", [None], ids=["sqlite"])
async def test_more_starts_than_the_action_limit_are_all_accepted(live: Live) -> None:
    async with live.socket() as socket:
        with sqlite3.connect(live.settings.data_dir / "records.sqlite3", isolation_level=None) as another_process:
            another_process.execute("BEGIN IMMEDIATE")
            for _ in range(ApiLimits().socket_actions + 50):
                await socket.say(action="start_agent", input_data={"query": "What?"})
            await asyncio.sleep(0.5)
            another_process.execute("ROLLBACK")
        another_process.close()
        answers = [await _answer(socket) for _ in range(ApiLimits().socket_actions + 50)]

    assert answers == ["accepted"] * (ApiLimits().socket_actions + 50)


async def _start_by_rest(live: Live, url: str, agent: Agent) -> list[str]:
    async with live.client(url) as client:
        path, body = f"/api/agents/{agent.id}/executions", {"input_data": {"query": "What is fNIRS?"}}
        answers = await asyncio.gather(*(client.post(path, json=body) for _ in range(STARTS_OF_A_CLIENT)))
    for answer in answers:
        assert answer.status_code == 202 or (answer.status_code == 503 and "retry-after" in answer.headers), answer.text
    return ["accepted" if answer.status_code == 202 else answer.json()["code"] for answer in answers]


async def _start_by_socket(live: Live, url: str, agent: Agent) -> list[str]:
    try:
        async with live.socket(url, agent.id) as socket:
            for _ in range(STARTS_OF_A_CLIENT):
                await socket.say(action="start_agent", input_data={"query": "What is fNIRS?"})
            return [await _answer(socket) for _ in range(STARTS_OF_A_CLIENT)]
    except ConnectionClosedError as closed:
        code = closed.rcvd.code if closed.rcvd is not None else None
        return ["database_away" if code == TRY_AGAIN_LATER else f"closed with {code}"] * STARTS_OF_A_CLIENT


async def _answer(socket: Conversation) -> str:
    answer = await socket.answer("accepted", "error")
    return "accepted" if answer["type"] == "accepted" else answer["code"]


async def _stored(live: Live) -> int:
    ids: set[UUID] = set()
    cursor: str | None = None
    while True:
        page, cursor = await live.records.page(live.user.id, ExecutionQuery(limit=100, cursor=cursor))
        ids |= {execution.id for execution in page}
        if cursor is None:
            return len(ids)
