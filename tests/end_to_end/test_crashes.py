"""Killing parts of the product during an answer: users still receive the whole log, each event once."""

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
from tests.end_to_end.product import TERMINAL, UPGRADE, JsonObject, Product, folded, product, text_frame
from tests.fakes import FakeModel
from tests.large_log import large_log
from tests.serving import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

WORDS = [f"word{number}" for number in range(100)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Product]:
    async with product(tmp_path_factory.mktemp("product"), FakeModel(WORDS, delay=0.04)) as instance:
        agent = await instance.agent()
        async with instance.client() as client:
            await client.patch(f"/api/agents/{agent['id']}", json={"max_tokens": 4000})
        yield instance


@pytest_asyncio.fixture(loop_scope="module")
async def healthy(running: Product) -> Product:
    """The product, with all parts healthy second."""
    await running.wait_until_healthy()
    return running


async def check_log(running: Product, execution_id: str, texts: list[str]) -> None:
    """Check that the log has no gaps, is the same for all readers, and has the model's answer."""
    events: list[JsonObject] = [json.loads(text) for text in texts]
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
async def test_killing_a_part_during_an_answer_loses_no_event_and_no_text(healthy: Product, part: str) -> None:
    async with healthy.viewer() as viewer:
        execution_id = await viewer.start()
        await viewer.wait_for_deltas()
        killed = healthy.pid(part)
        os.kill(killed, signal.SIGKILL)
        await viewer.end()

    await check_log(healthy, execution_id, viewer.texts)
    await healthy.wait_until_healthy()
    assert healthy.pid(part) != killed


async def test_a_client_that_reconnects_after_the_api_was_killed_receives_each_event_once(healthy: Product) -> None:
    async with healthy.viewer() as first:
        execution_id = await first.start()
        await first.wait_for_deltas()
        healthy.kill("api")
        with pytest.raises((AssertionError, ConnectionClosed)):
            await first.end()
    await healthy.wait_until_healthy()
    async with healthy.viewer() as second:
        await second.send(action="subscribe", execution_id=execution_id, after=len(first.texts))
        await second.receive_until(lambda message: message["type"] == "accepted")
        # A new socket also sends events before its subscription.
        second.texts.clear()
        await second.end()

    await check_log(healthy, execution_id, first.texts + second.texts)


async def test_an_accepted_start_survives_the_death_of_the_worker_and_of_temporal(healthy: Product) -> None:
    async with healthy.viewer() as viewer:
        healthy.kill("worker")
        healthy.kill("temporal")
        execution_id = await viewer.start()
        await viewer.end()

    await check_log(healthy, execution_id, viewer.texts)


async def test_a_stop_stops_the_model_and_keeps_the_partial_answer(healthy: Product) -> None:
    async with healthy.viewer() as viewer:
        execution_id = await viewer.start()
        await viewer.wait_for_deltas()
        disconnects_before = len(healthy.model.disconnected_at)
        requested_at = time.monotonic()
        await viewer.send(action="stop_agent", execution_id=execution_id)
        await until(lambda: len(healthy.model.disconnected_at) > disconnects_before, seconds=3)
        ending = await viewer.end()

    assert healthy.model.disconnected_at[-1] - requested_at < 3
    assert ending["type"] == "execution_stopped"
    assert ending["output_data"]["answer"] == folded([json.loads(text) for text in viewer.texts])
    assert healthy.model.text.startswith(ending["output_data"]["answer"])
    assert ending["stop"]["acknowledged_at"] is not None


async def test_ctrl_c_on_the_command_line_stops_the_execution(healthy: Product) -> None:
    async with healthy.viewer() as viewer:
        command = await healthy.command("run", "What is fNIRS?")
        await viewer.wait_for_deltas()
        command.send_signal(signal.SIGINT)
        out, err = await command.communicate()
        ending = await viewer.end()

    assert command.returncode == 130
    assert ending["type"] == "execution_stopped"
    assert ending["output_data"]["answer"] in out.decode()
    assert "Stopped" in err.decode().splitlines()[-1]


async def test_a_log_is_the_same_after_a_restart_of_everything(healthy: Product) -> None:
    async with healthy.viewer() as viewer:
        execution_id = await viewer.start()
        await viewer.end()
    before = await healthy.log_text(execution_id)

    await healthy.stop()
    await healthy.start()

    assert await healthy.log_text(execution_id) == before
    await check_log(healthy, execution_id, viewer.texts)


async def test_an_execution_continues_after_a_restart_of_everything(healthy: Product) -> None:
    async with healthy.viewer() as viewer:
        execution_id = await viewer.start()
        await viewer.wait_for_deltas()
    await healthy.stop()
    await healthy.start()
    async with healthy.viewer() as second:
        await second.send(action="subscribe", execution_id=execution_id, after=0)
        await second.receive_until(lambda message: message["type"] == "accepted")
        second.texts.clear()
        await second.end()

    assert second.texts[: len(viewer.texts)] == viewer.texts
    await check_log(healthy, execution_id, second.texts)


async def test_a_message_that_is_too_large_closes_the_socket_with_1009(healthy: Product) -> None:
    async with healthy.viewer() as viewer:
        await viewer.connection.send("x" * (256 * 1024 + 1))
        await viewer.connection.wait_closed()

    assert viewer.connection.close_code == 1009


@pytest.mark.parametrize("kind", ["socket", "stream"])
async def test_a_client_that_never_reads_is_disconnected_and_delays_no_other(healthy: Product, kind: str) -> None:
    agent = await healthy.agent()
    database = Database(f"sqlite+aiosqlite:///{healthy.data_dir / 'records.sqlite3'}")
    user = await Users(database).first()
    large = await large_log(database, user.id, UUID(agent["id"]))
    await database.close()

    with healthy.silent_client() as silent:
        if kind == "stream":
            silent.sendall(healthy.request(f"/api/executions/{large}/events/stream"))
        else:
            silent.sendall(healthy.request(f"/ws/agents/{agent['id']}", *UPGRADE))
            silent.sendall(text_frame(f'{{"action": "subscribe", "execution_id": "{large}"}}'))
        port = silent.getsockname()[1]
        await until(lambda: healthy.is_connected(port), seconds=10)
        async with healthy.viewer() as viewer:
            execution_id = await viewer.start()
            await viewer.end()
        await until(lambda: not healthy.is_connected(port), seconds=60)

    await check_log(healthy, execution_id, viewer.texts)
