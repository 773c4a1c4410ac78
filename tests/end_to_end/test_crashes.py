"""What a user sees when parts of the product are killed in mid-answer: the whole log, once."""

import json
import os
import signal
import time
from collections.abc import AsyncGenerator
from uuid import UUID

import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed

from dynavera.records.database import Database
from dynavera.records.users import Users
from tests.end_to_end.product import TERMINAL, UPGRADE, Product, Said, folded, product, text_frame
from tests.fakes import FakeModel
from tests.large_log import large_log
from tests.serving import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

WORDS = [f"word{number}" for number in range(100)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Product]:
    async with product(tmp_path_factory.mktemp("product"), FakeModel(WORDS, delay=0.04)) as one:
        agent = await one.agent()
        async with one.client() as client:
            await client.patch(f"/api/agents/{agent['id']}", json={"max_tokens": 4000})
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def whole(running: Product) -> Product:
    """The product, with every part there again."""
    await running.healthy()
    return running


async def is_whole(running: Product, execution_id: str, texts: list[str]) -> None:
    """The log is dense, the same for all, and its answer the model's."""
    events: list[Said] = [json.loads(text) for text in texts]
    execution = await running.execution(execution_id)
    messages = [event["content"]["text"] for event in events if event.get("event_type") == "message"]

    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events if event["type"] in TERMINAL] == ["execution_completed"]
    assert folded(events) == running.model.text
    assert messages == [running.model.text]
    assert events[-1]["output_data"] == execution["output_data"]
    assert execution["output_data"]["answer"] == running.model.text
    assert await running.log_text(execution_id) == f'{{"items":[{",".join(texts)}],"next_after":null}}'


@pytest.mark.parametrize("part", ["worker", "mcp", "temporal"])
async def test_a_part_that_is_killed_in_mid_answer_costs_no_event_and_no_word(whole: Product, part: str) -> None:
    async with whole.viewer() as viewer:
        execution_id = await viewer.start()
        await viewer.in_mid_answer()
        killed = whole.pid(part)
        os.kill(killed, signal.SIGKILL)
        await viewer.end()

    await is_whole(whole, execution_id, viewer.texts)
    await whole.healthy()
    assert whole.pid(part) != killed


async def test_a_client_that_comes_back_after_the_api_was_killed_sees_each_event_once(whole: Product) -> None:
    async with whole.viewer() as first:
        execution_id = await first.start()
        await first.in_mid_answer()
        whole.kill("api")
        with pytest.raises((AssertionError, ConnectionClosed)):
            await first.end()
    await whole.healthy()
    async with whole.viewer() as second:
        await second.say(action="subscribe", execution_id=execution_id, after=len(first.texts))
        await second.until(lambda said: said["type"] == "accepted")
        # What came before the subscription is what any new socket shows.
        second.texts.clear()
        await second.end()

    await is_whole(whole, execution_id, first.texts + second.texts)


async def test_a_start_that_was_accepted_outlives_a_worker_and_a_server_that_are_killed(whole: Product) -> None:
    async with whole.viewer() as viewer:
        whole.kill("worker")
        whole.kill("temporal")
        execution_id = await viewer.start()
        await viewer.end()

    await is_whole(whole, execution_id, viewer.texts)


async def test_a_stop_lets_the_model_go_and_keeps_what_was_written(whole: Product) -> None:
    async with whole.viewer() as viewer:
        execution_id = await viewer.start()
        await viewer.in_mid_answer()
        left_before = len(whole.model.disconnected_at)
        asked = time.monotonic()
        await viewer.say(action="stop_agent", execution_id=execution_id)
        await until(lambda: len(whole.model.disconnected_at) > left_before, seconds=3)
        ending = await viewer.end()

    assert whole.model.disconnected_at[-1] - asked < 3
    assert ending["type"] == "execution_stopped"
    assert ending["output_data"]["answer"] == folded([json.loads(text) for text in viewer.texts])
    assert whole.model.text.startswith(ending["output_data"]["answer"])
    assert ending["stop"]["acknowledged_at"] is not None


async def test_ctrl_c_on_the_command_line_stops_the_execution(whole: Product) -> None:
    async with whole.viewer() as viewer:
        command = await whole.command("run", "What is fNIRS?")
        await viewer.in_mid_answer()
        command.send_signal(signal.SIGINT)
        out, err = await command.communicate()
        ending = await viewer.end()

    assert command.returncode == 130
    assert ending["type"] == "execution_stopped"
    assert ending["output_data"]["answer"] in out.decode()
    assert "Stopped" in err.decode().splitlines()[-1]


async def test_the_same_log_is_there_after_everything_was_restarted(whole: Product) -> None:
    async with whole.viewer() as viewer:
        execution_id = await viewer.start()
        await viewer.end()
    before = await whole.log_text(execution_id)

    await whole.stop()
    await whole.start()

    assert await whole.log_text(execution_id) == before
    await is_whole(whole, execution_id, viewer.texts)


async def test_an_execution_goes_on_after_everything_was_restarted(whole: Product) -> None:
    async with whole.viewer() as viewer:
        execution_id = await viewer.start()
        await viewer.in_mid_answer()
    await whole.stop()
    await whole.start()
    async with whole.viewer() as again:
        await again.say(action="subscribe", execution_id=execution_id, after=0)
        await again.until(lambda said: said["type"] == "accepted")
        again.texts.clear()
        await again.end()

    assert again.texts[: len(viewer.texts)] == viewer.texts
    await is_whole(whole, execution_id, again.texts)


async def test_a_message_that_is_too_large_closes_the_socket_with_1009(whole: Product) -> None:
    async with whole.viewer() as viewer:
        await viewer.connection.send("x" * (256 * 1024 + 1))
        await viewer.connection.wait_closed()

    assert viewer.connection.close_code == 1009


@pytest.mark.parametrize("door", ["socket", "stream"])
async def test_a_client_that_never_reads_is_dropped_and_holds_nobody_up(whole: Product, door: str) -> None:
    agent = await whole.agent()
    database = Database(f"sqlite+aiosqlite:///{whole.data_dir / 'records.sqlite3'}")
    user = await Users(database).first()
    large = await large_log(database, user.id, UUID(agent["id"]))
    await database.close()

    with whole.silent_client() as silent:
        if door == "stream":
            silent.sendall(whole.request(f"/api/executions/{large}/events/stream"))
        else:
            silent.sendall(whole.request(f"/ws/agents/{agent['id']}", *UPGRADE))
            silent.sendall(text_frame(f'{{"action": "subscribe", "execution_id": "{large}"}}'))
        port = silent.getsockname()[1]
        await until(lambda: whole.is_connected(port), seconds=10)
        async with whole.viewer() as viewer:
            execution_id = await viewer.start()
            await viewer.end()
        await until(lambda: not whole.is_connected(port), seconds=60)

    await is_whole(whole, execution_id, viewer.texts)
