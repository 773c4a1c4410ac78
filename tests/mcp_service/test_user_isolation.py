"""Users cannot see or use what belongs to others, by any MCP method."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import pytest
from mcp import Client, MCPError
from mcp_types import RequestParamsMeta

from dynavera.contracts.mcp import USER_META
from tests.mcp_service.clients import REVISIONS, mcp_client
from tests.mcp_service.running import Running, upload

SECRET = "The password of the observatory is rosebud."
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
MCP_HEADERS = {"Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def theirs(service: Running, mode: str = "auto") -> AsyncGenerator[Client]:
    """The client of a user who does not own the secret documents."""
    other = await service.another_user()
    async with service.client() as mine, mcp_client(service, other.api_key, mode) as client:
        await upload(mine, secret_md=SECRET)
        await upload(mine, "vault", secret_md=SECRET)
        yield client


@pytest.mark.parametrize("mode", REVISIONS)
async def test_no_method_shows_the_documents_of_another_user(service: Running, mode: str) -> None:
    async with theirs(service, mode) as client:
        found = await client.call_tool("retrieve", {"query": "password of the observatory", "top_k": 50})
        listed = await client.call_tool("list_documents", {})
        resources = await client.list_resources()
        prompt = await client.get_prompt("answer_with_sources", {"question": "What is the password?", "top_k": "50"})
        elsewhere = await client.call_tool("retrieve", {"query": "password", "collection": "vault"})

    shown = "".join(answer.model_dump_json() for answer in (found, listed, resources, prompt))
    assert "rosebud" not in shown
    assert "secret.md" not in shown
    assert (elsewhere.is_error, (elsewhere.meta or {})["code"]) == (True, "unknown_collection")


NAMED: list[tuple[str, dict[str, Any]]] = [
    ("retrieve", {"query": "password"}),
    ("generate", {"query": "password", "passages": []}),
    ("stop_generation", {"operation_id": "one"}),
    ("list_documents", {}),
]


@pytest.mark.parametrize("mode", REVISIONS)
async def test_a_key_that_names_another_user_is_refused_by_every_method(service: Running, mode: str) -> None:
    meta = cast("RequestParamsMeta", {USER_META: str(service.owner.id)})
    refused: list[MCPError] = []

    async with theirs(service, mode) as client:
        calls = [
            *(client.call_tool(tool, arguments, meta=meta) for tool, arguments in NAMED),
            client.list_resources(meta=meta),
            client.read_resource(f"dynavera://documents/{service.owner.id}", meta=meta),
            client.get_prompt("answer_with_sources", {"question": "q"}, meta=meta),
        ]
        for call in calls:
            with pytest.raises(MCPError) as error:
                await call
            refused.append(error.value)

    assert {error.data["code"] for error in refused} == {"not_yourself"}


async def test_arguments_that_name_a_user_are_ignored(service: Running) -> None:
    named = {"user": str(service.owner.id), "user_id": str(service.owner.id), USER_META: str(service.owner.id)}

    async with theirs(service) as client:
        found = await client.call_tool("retrieve", {"query": "password of the observatory", **named})

    assert found.structured_content == {"passages": []}


async def test_a_session_belongs_to_the_client_that_opened_it(service: Running) -> None:
    other = await service.another_user()

    async with service.client(**MCP_HEADERS) as mine, service.client(other.api_key, **MCP_HEADERS) as stranger:
        opened = await mine.post("/mcp", json=INITIALIZE)
        session = {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        foreign = [
            await stranger.post("/mcp", json=ping, headers=session),
            await stranger.delete("/mcp", headers=session),
            await asyncio.wait_for(stranger.get("/mcp", headers=session), 5),
        ]
        unknown = await stranger.post("/mcp", json=ping, headers={"Mcp-Session-Id": "0" * 32})
        own = await mine.post("/mcp", json=ping, headers=session)

    assert {answer.status_code for answer in foreign} == {httpx.codes.NOT_FOUND}
    assert {answer.text for answer in foreign} == {unknown.text}
    assert own.status_code == httpx.codes.OK
