"""The official MCP client, as a user of the service."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import RequestParamsMeta

from dynavera.contracts.mcp import USER_META
from tests.mcp_service.running import Running

REVISIONS = ["2026-07-28", "legacy"]
"""The protocol now, and the one before it, with a handshake and sessions."""


@asynccontextmanager
async def mcp_client(service: Running, key: str | None = None, mode: str = "auto") -> AsyncGenerator[Client]:
    headers = {"Authorization": f"Bearer {key or service.owner_key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http,
        Client(streamable_http_client(f"{service.url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


async def call(
    client: Client, tool: str, arguments: dict[str, Any], progress: "Progress | None" = None, user: str | None = None
) -> dict[str, Any]:
    """What a tool answers, as structured content."""
    meta = None if user is None else cast("RequestParamsMeta", {USER_META: user})
    result = await client.call_tool(tool, arguments, progress_callback=progress, meta=meta)
    assert not result.is_error
    assert result.structured_content is not None
    return result.structured_content


class Progress:
    """What a call said on the way."""

    def __init__(self) -> None:
        self.said: list[tuple[float, str]] = []

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        assert total is None
        self.said.append((progress, message or ""))

    @property
    def text(self) -> str:
        return "".join(message for progress, message in self.said if progress.is_integer())
