"""Access to sockets and streams, and how long they stay open."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from api.limits import ApiLimits
from dynavera.records.users import Users
from tests.api.live import KEY, PATIENCE_SECONDS, Live, frames
from tests.large_log import LARGE_BYTES, LARGE_EVENTS, large_log
from tests.serving import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORT = timedelta(seconds=0.2)


FREQUENT_CHECKS = pytest.mark.parametrize("limits", [ApiLimits(session_check_interval=SHORT)])
IMPATIENT = pytest.mark.parametrize("limits", [ApiLimits(reader_timeout=SHORT)])


@pytest.mark.parametrize(
    "headers", [{"Accept": "*/*"}, {"Authorization": "Bearer dyn_wrong"}, {"Cookie": "dynavera_session=x"}]
)
async def test_a_socket_without_a_user_is_closed_with_4401(live: Live, headers: dict[str, str]) -> None:
    async with live.opened(None, None, headers) as conversation:
        assert await conversation.closed_with() == 4401


async def test_a_socket_of_an_agent_that_is_not_the_users_is_closed_with_4404(live: Live) -> None:
    stranger = await Users(live.database).add("stranger")
    foreign = {"Authorization": f"Bearer {stranger.api_key}"}
    own = {"Authorization": f"Bearer {KEY}"}
    closed: list[tuple[int | None, str | None]] = []

    for agent_id, headers in ((live.agent.id, foreign), (uuid4(), own), ("no-uuid", own)):
        async with live.opened(None, agent_id, headers) as conversation:
            await conversation.closed_with()
            closed.append((conversation.connection.close_code, conversation.connection.close_reason))

    assert closed == [(4404, "There is no such agent.")] * 3


@pytest.mark.parametrize("origin", ["http://evil.test", "null", "http://localhost:9"])
async def test_a_socket_from_another_origin_is_refused_before_the_upgrade(live: Live, origin: str) -> None:
    address = f"{live.url.replace('http', 'ws', 1)}/ws/agents/{live.agent.id}"

    with pytest.raises(InvalidStatus) as refused:
        await connect(address, additional_headers={"Authorization": f"Bearer {KEY}", "Origin": origin}, proxy=None)

    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("origin", ["{url}", "http://localhost:5173"])
async def test_a_socket_from_our_own_page_or_one_that_the_settings_name_is_open(live: Live, origin: str) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Origin": origin.format(url=live.url)}

    async with live.socket(None, None, **headers) as conversation:
        assert len(conversation.texts) == 1


@FREQUENT_CHECKS
async def test_a_session_that_is_logged_out_closes_its_socket_and_no_other(live: Live) -> None:
    async with _browser(live) as browser:
        cookie = {"Cookie": f"dynavera_session={browser.cookies['dynavera_session']}"}
        async with live.socket() as by_key, live.socket(None, None, **cookie) as by_session:
            await browser.post("/api/logout")

            assert await by_session.closed_with() == 4401
            await by_key.start("Still there?")


@FREQUENT_CHECKS
@pytest.mark.parametrize("path", ["/api/executions/stream", "/api/executions/{id}/events/stream"])
async def test_a_session_that_is_logged_out_ends_its_stream(live: Live, path: str) -> None:
    execution_id = await live.start()

    async with _browser(live) as browser, live.client(api_key=None) as reader:
        reader.cookies.update(browser.cookies)
        async with frames(reader, path.format(id=execution_id)) as coming:
            await browser.post("/api/logout")
            async with asyncio.timeout(PATIENCE_SECONDS):
                rest = [frame.json async for frame in coming]

    assert all(said.get("type") in (None, "execution_started") for said in rest)


@FREQUENT_CHECKS
async def test_a_session_that_is_ended_elsewhere_closes_its_socket_and_its_stream(live: Live) -> None:
    execution_id = await live.start()
    async with _browser(live) as ending, _browser(live) as ended, live.client(api_key=None) as reader:
        reader.cookies.update(ended.cookies)
        cookie = {"Cookie": f"dynavera_session={ended.cookies['dynavera_session']}"}
        events = f"/api/executions/{execution_id}/events/stream"
        async with live.socket(None, None, **cookie) as socket, frames(reader, events) as coming:
            await ending.delete("/api/sessions")

            assert await socket.closed_with() == 4401
            async with asyncio.timeout(PATIENCE_SECONDS):
                rest = [frame.json async for frame in coming]

        assert all(said.get("type") in (None, "execution_started") for said in rest)
        assert (await ending.get("/api/me")).status_code == 200


@FREQUENT_CHECKS
async def test_a_key_that_is_revoked_closes_the_sockets_of_its_sessions(live: Live) -> None:
    async with live.client() as client, live.client(api_key=None) as browser:
        made = (await client.post("/api/keys", json={"name": "second"})).json()
        await browser.post("/api/login", json={"api_key": made["api_key"]})
        cookie = {"Cookie": f"dynavera_session={browser.cookies['dynavera_session']}"}
        async with live.socket(None, None, **cookie) as socket:
            await client.delete(f"/api/keys/{made['id']}")

            assert await socket.closed_with() == 4401


@FREQUENT_CHECKS
async def test_a_key_that_is_revoked_closes_its_socket(live: Live) -> None:
    async with live.client() as client:
        made = (await client.post("/api/keys", json={"name": "second"})).json()
        async with live.socket(None, None, Authorization=f"Bearer {made['api_key']}") as conversation:
            await client.delete(f"/api/keys/{made['id']}")

            assert await conversation.closed_with() == 4401


@IMPATIENT
async def test_a_socket_that_is_not_read_is_closed_with_4408_without_delaying_others(live: Live) -> None:
    large = await large_log(live.database, live.user.id, live.agent.id)
    address = f"{live.url.replace('http', 'ws', 1)}/ws/agents/{live.agent.id}"
    authorization = {"Authorization": f"Bearer {KEY}"}

    async with (
        live.socket() as other,
        # Its library reads one message ahead, and then no more.
        connect(address, additional_headers=authorization, max_size=None, max_queue=1, proxy=None) as silent,
    ):
        await silent.recv()
        await until(lambda: _open_streams() == 2, seconds=PATIENCE_SECONDS)
        await silent.send(f'{{"action": "subscribe", "execution_id": "{large}"}}')
        running = await other.start("Held up?")
        await other.answer("execution_started")
        await until(lambda: _open_streams() == 1, seconds=PATIENCE_SECONDS)
        received = await _until_closed(silent)
        await live.stop(running)

    assert silent.close_code == 4408
    assert 0 < received < LARGE_EVENTS


@IMPATIENT
async def test_a_stream_that_is_not_read_is_ended_without_delaying_others(live: Live) -> None:
    large = await large_log(live.database, live.user.id, live.agent.id)

    with _silent_client(live) as silent:
        await asyncio.to_thread(silent.sendall, _request(live, f"/api/executions/{large}/events/stream"))
        await until(lambda: _open_streams() == 1, seconds=PATIENCE_SECONDS)
        async with live.client() as other:
            assert (await other.get("/api/me")).status_code == 200
        await until(lambda: _open_streams() == 0, seconds=PATIENCE_SECONDS)
        received = await asyncio.to_thread(_rest, silent)

    assert received < LARGE_BYTES


async def test_a_slow_reader_gets_everything(live: Live) -> None:
    large = await large_log(live.database, live.user.id, live.agent.id)

    async with live.socket() as conversation:
        await conversation.say(action="subscribe", execution_id=str(large), after=0)
        log = await conversation.log(large)

    assert [event["sequence"] for event in log] == list(range(1, LARGE_EVENTS + 3))


@asynccontextmanager
async def _browser(live: Live) -> AsyncGenerator[httpx.AsyncClient]:
    async with live.client(api_key=None) as browser:
        assert (await browser.post("/api/login", json={"api_key": KEY})).status_code == 200
        yield browser


async def _until_closed(connection: ClientConnection) -> int:
    """Read until the server has closed; how many messages it was."""
    received = 0
    with suppress(ConnectionClosedError):
        async for _ in connection:
            received += 1
    return received


def _open_streams() -> int:
    """How many sockets and streams the API serves: each has one task that looks after its session."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return sum(name in ("until_session_ends", "AgentSocket._until_session_ends") for name in names)


def _silent_client(live: Live) -> socket.socket:
    """A connection that is not read until a test reads it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    address = urlsplit(live.url)
    client.connect((address.hostname, address.port))
    client.settimeout(PATIENCE_SECONDS)
    return client


def _request(live: Live, path: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {urlsplit(live.url).netloc}", f"Authorization: Bearer {KEY}", "", ""]
    return "\r\n".join(lines).encode()


def _rest(client: socket.socket) -> int:
    """Read what the kernel still has; how many bytes it was."""
    received = 0
    while part := client.recv(1 << 16):
        received += len(part)
    return received


@FREQUENT_CHECKS
async def test_a_socket_whose_agent_is_deleted_is_closed_with_4404(live: Live) -> None:
    async with live.opened(None, None, {"Authorization": f"Bearer {KEY}"}) as conversation:
        assert (await conversation.hear())["type"] == "connection"
        async with live.client() as client:
            assert (await client.delete(f"/api/agents/{live.agent.id}")).status_code == 204

        assert await conversation.closed_with() == 4404
