"""A connection to the MCP service: the official client, kept open for many calls.

Importing this module imports the MCP library, which takes more than half a second.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.dispatcher import ProgressFnT
from mcp_types import CallToolResult
from pydantic import BaseModel, SecretStr, ValidationError

from activities.mcp_errors import McpAway, McpRefused
from dynavera.contracts.mcp import USER_META, ServiceRefusal

PROTOCOL = "2026-07-28"
"""The protocol version in which closing a call's stream cancels the call."""

CONNECT_SECONDS = 5

MAX_CONNECTIONS, MAX_IDLE_CONNECTIONS = 1000, 20
"""HTTP connections of a client: each call holds one from start to end."""

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""The largest answer twice, with each character escaped."""

ADMISSION_SETTINGS = {401: "DYNAVERA_MCP_TOKEN", 403: "DYNAVERA_ALLOWED_ORIGINS", 421: "DYNAVERA_MCP_ALLOWED_HOSTS"}
"""The statuses with which the service rejects a client, and the setting that each concerns."""

AnswerT = TypeVar("AnswerT", bound=BaseModel)

logger = logging.getLogger(__name__)


class McpConnection:
    """One client for many calls, opened at the first and reopened after a break."""

    def __init__(self, url: str, token: SecretStr, silence_seconds: float) -> None:
        self._url = f"{url.rstrip('/')}/mcp"
        self._token = token
        self._silence_seconds = silence_seconds
        self._open: _OpenClient | None = None

    async def call(
        self,
        user_id: UUID,
        tool: str,
        arguments: Mapping[str, Any],
        answer: type[AnswerT],
        on_progress: ProgressFnT | None = None,
    ) -> AnswerT:
        """Call a tool for the user.

        Raises:
            McpAway: the service cannot be reached, broke off, or sent something unexpected.
            McpRefused: it refused.
        """
        if self._open is None or self._open.is_broken:
            self._open = _OpenClient(self._url, self._token, self._silence_seconds)
        opened = self._open
        client = await opened.client()
        try:
            result = await client.call_tool(
                tool, dict(arguments), progress_callback=on_progress, meta={USER_META: str(user_id)}
            )
        except MCPError as error:
            raise _failure(error, opened.rejected_with) from error
        except (RuntimeError, ValidationError) as error:
            raise _unexpected_answer() from error
        return _parse(result, answer)

    async def close(self) -> None:
        """Close the client."""
        if self._open is not None:
            await self._open.close()


class _OpenClient:
    """An open client and the task that owns it: a client must be closed by the task that opened it."""

    def __init__(self, url: str, token: SecretStr, silence_seconds: float) -> None:
        self.rejected_with: int | None = None
        self._url = url
        self._http = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {token.get_secret_value()}"},
            timeout=httpx2.Timeout(silence_seconds, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_IDLE_CONNECTIONS),
            event_hooks={"response": [self._note_rejection]},
            trust_env=False,
        )
        self._closing = asyncio.Event()
        self._client: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._owner = asyncio.create_task(self._own())
        self._owner.add_done_callback(self._on_end)

    @property
    def is_broken(self) -> bool:
        """Whether a new client is needed."""
        return self._owner.done()

    async def client(self) -> Client:
        """The client, once it is open."""
        return await asyncio.shield(self._client)

    async def close(self) -> None:
        """Close the client; running calls break off."""
        self._closing.set()
        await asyncio.wait({self._owner})

    async def _own(self) -> None:
        transport = streamable_http_client(self._url, http_client=self._http, max_sse_event_size=MAX_EVENT_BYTES)
        async with self._http, Client(transport, mode=PROTOCOL) as client:
            self._client.set_result(client)
            await self._closing.wait()

    async def _note_rejection(self, response: httpx2.Response) -> None:
        # The library does not report the status with which a call failed.
        self.rejected_with = response.status_code if response.status_code in ADMISSION_SETTINGS else None

    def _on_end(self, owner: asyncio.Task[None]) -> None:
        if not self._client.done():
            self._client.set_exception(McpAway("The MCP service cannot be reached."))
        if not owner.cancelled() and (error := owner.exception()) is not None:
            logger.info("A client of the MCP service broke: %r", error)


def _failure(error: MCPError, rejected_with: int | None) -> McpAway | McpRefused:
    try:
        return McpRefused(ServiceRefusal.model_validate(error.data))
    except ValidationError:
        if rejected_with is None:
            return McpAway(f"The MCP service cannot be reached, or broke off: {error.message}.")
    detail = f"The MCP service rejects this worker ({rejected_with}): check {ADMISSION_SETTINGS[rejected_with]}."
    return McpRefused(ServiceRefusal(code="mcp_not_allowed", detail=detail, retryable=False))


def _parse(result: CallToolResult, answer: type[AnswerT]) -> AnswerT:
    if result.is_error:
        raise McpRefused(_refusal(result))
    try:
        return answer.model_validate(result.structured_content)
    except ValidationError as error:
        raise _unexpected_answer() from error


def _refusal(result: CallToolResult) -> ServiceRefusal:
    try:
        return ServiceRefusal.model_validate(result.meta)
    except ValidationError:
        detail = "The MCP service failed; its log has the reason."
        return ServiceRefusal(code="internal_error", detail=detail, retryable=True)


def _unexpected_answer() -> McpAway:
    return McpAway("The MCP service sent an unexpected answer. Is it the same version?")
