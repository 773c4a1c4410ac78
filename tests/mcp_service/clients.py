"""The official MCP client."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import RequestParamsMeta, TextContent

from dynavera.contracts.mcp import USER_META
from tests.mcp_service.running import Running

REVISIONS = ["2026-07-28", "legacy"]
"""The current protocol revision, and the previous one with a handshake and sessions."""


class ToolRefused(Exception):
    """A tool's result is a refusal; `refusal` is its `_meta`."""

    def __init__(self, text: str, refusal: dict[str, Any]) -> None:
        super().__init__(text)
        self.refusal = refusal


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
    """The structured content of a tool's result.

    Raises:
        ToolRefused: it is a refusal.
    """
    meta = None if user is None else cast("RequestParamsMeta", {USER_META: user})
    result = await client.call_tool(tool, arguments, progress_callback=progress, meta=meta)
    if result.is_error:
        [text] = result.content
        assert isinstance(text, TextContent)
        raise ToolRefused(text.text, dict(result.meta or {}))
    assert result.structured_content is not None
    return result.structured_content


class Progress:
    """The progress notifications of a call."""

    def __init__(self) -> None:
        self.received: list[tuple[float, str]] = []

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        assert total is None
        self.received.append((progress, message or ""))

    @property
    def text(self) -> str:
        return "".join(message for progress, message in self.received if progress.is_integer())
