"""How many requests, streams and sockets a user may have open, and all users together."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import HttpUrl
from websockets.asyncio.client import ClientConnection, connect

from dynavera.settings import Settings
from tests.api.conftest import OWNER_KEY, Api
from tests.api.fakes import FakeMcp
from tests.api.test_documents import half_an_upload
from tests.serving import until

STREAM = "/api/executions/stream"


@pytest.fixture
def settings(tmp_path: Path, mcp: tuple[FakeMcp, str]) -> Settings:
    return Settings(
        data_dir=tmp_path,
        mcp_url=HttpUrl(mcp[1]),
        max_requests_per_user=2,
        max_streams_per_user=2,
        max_streams=3,
    )


@asynccontextmanager
async def socket(api: Api, agent_id: str, api_key: str = OWNER_KEY) -> AsyncGenerator[ClientConnection]:
    address = f"{api.url.replace('http', 'ws', 1)}/ws/agents/{agent_id}"
    async with connect(address, additional_headers={"Authorization": f"Bearer {api_key}"}, proxy=None) as connection:
        yield connection


async def answers(client: httpx.AsyncClient, path: str, status: int) -> None:
    """Wait until `path` is answered so."""
    seen: list[int] = []
    while seen[-1:] != [status]:
        seen.append((await client.get(path)).status_code)


async def test_too_many_requests_of_one_user_do_not_affect_others(
    api: Api, client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    async with AsyncExitStack() as uploads:
        for _ in range(2):
            await uploads.enter_async_context(half_an_upload(api))
        await until(lambda: api.mcp.begun == 2)

        refused = await client.get("/api/agents")
        others = await stranger.get("/api/agents")
        health = await client.get("/api/health")

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert "DYNAVERA_MAX_REQUESTS_PER_USER" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) > 0
    assert others.status_code == 200
    assert health.json()["checks"]["database"]["status"] == "ok"
    await answers(client, "/api/agents", 200)


async def test_too_many_streams_of_one_user_do_not_affect_others(
    api: Api, client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    agent = (await client.post("/api/agents", json={"name": "Librarian"})).json()

    async with AsyncExitStack() as streams:
        await streams.enter_async_context(client.stream("GET", STREAM))
        first = await streams.enter_async_context(socket(api, agent["id"]))
        assert "connection" in str(await first.recv())

        refused = await client.get(STREAM)
        async with socket(api, agent["id"]) as refused_socket:
            await refused_socket.wait_closed()
        other = await streams.enter_async_context(stranger.stream("GET", STREAM))
        requests = await client.get("/api/agents")

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
    assert int(refused.headers["retry-after"]) > 0
    assert refused_socket.close_code == 1013
    assert refused_socket.close_reason == refused.json()["detail"]
    assert "DYNAVERA_MAX_STREAMS_PER_USER" in refused.json()["detail"]
    assert (other.status_code, requests.status_code) == (200, 200)


async def test_too_many_streams_of_all_users_are_refused(
    api: Api, client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    third = await api.services.users.add("third")

    async with AsyncExitStack() as streams, api.client(third.api_key) as last:
        for one in (client, client, stranger):
            await streams.enter_async_context(one.stream("GET", STREAM))
        refused = await last.get(STREAM)

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
    assert "DYNAVERA_MAX_STREAMS)" in refused.json()["detail"]


async def test_a_stream_that_ends_frees_its_slot(api: Api, client: httpx.AsyncClient) -> None:
    for _ in range(5):
        async with client.stream("GET", STREAM) as one, client.stream("GET", STREAM) as two:
            assert (one.status_code, two.status_code) == (200, 200)
        await until(lambda: api.streams_open() == 0)


async def test_a_stream_does_not_count_as_a_request(api: Api, client: httpx.AsyncClient) -> None:
    async with client.stream("GET", STREAM), client.stream("GET", STREAM):
        assert (await client.get("/api/agents")).status_code == 200
