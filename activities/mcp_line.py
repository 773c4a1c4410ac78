"""The way to the MCP service: the official client, kept open for many calls.

What imports this imports the SDK, which takes more than half a second: only who calls the service does.
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

from activities.mcp_client import McpAway, McpRefused
from dynavera.contracts.mcp import USER_META, ServiceRefusal

PROTOCOL = "2026-07-28"
"""The protocol in which closing a call's stream is its cancellation."""

CONNECT_SECONDS = 5

MOST_CONNECTIONS, MOST_IDLE = 1000, 20
"""Connections of a client: each call holds one from its start to its end."""

LARGEST_EVENT = 8 * 1024 * 1024
"""Bytes of one event: the largest answer, twice, and each of its characters escaped."""

REFUSED_AT_THE_DOOR = {401: "DYNAVERA_MCP_TOKEN", 403: "DYNAVERA_ALLOWED_ORIGINS", 421: "DYNAVERA_MCP_ALLOWED_HOSTS"}
"""The statuses with which the service lets nobody in, and the setting each is about."""

AnswerT = TypeVar("AnswerT", bound=BaseModel)

logger = logging.getLogger(__name__)


class Line:
    """A way to the service: one client for many calls, opened when it is needed."""

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
        heard: ProgressFnT | None = None,
    ) -> AnswerT:
        """What the tool answers, asked for the user."""
        if self._open is None or self._open.is_broken:
            self._open = _OpenClient(self._url, self._token, self._silence_seconds)
        line = self._open
        client = await line.client()
        try:
            result = await client.call_tool(
                tool, dict(arguments), progress_callback=heard, meta={USER_META: str(user_id)}
            )
        except MCPError as error:
            raise _failure(error, line.refused_with) from error
        except (RuntimeError, ValidationError) as error:
            raise _not_understood() from error
        return _understood(result, answer)

    async def close(self) -> None:
        """Close the client."""
        if self._open is not None:
            await self._open.close()


class _OpenClient:
    """An open client, and the task that owns it: a client must be closed by the task that opened it."""

    def __init__(self, url: str, token: SecretStr, silence_seconds: float) -> None:
        self.refused_with: int | None = None
        self._url = url
        self._http = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {token.get_secret_value()}"},
            timeout=httpx2.Timeout(silence_seconds, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_IDLE),
            event_hooks={"response": [self._look_at]},
            trust_env=False,
        )
        self._closing = asyncio.Event()
        self._client: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._owner = asyncio.create_task(self._own())
        self._owner.add_done_callback(self._gone)

    @property
    def is_broken(self) -> bool:
        """Whether it can be used no more."""
        return self._owner.done()

    async def client(self) -> Client:
        """The client, once it is open."""
        return await asyncio.shield(self._client)

    async def close(self) -> None:
        """Close it; what still runs breaks off."""
        self._closing.set()
        await asyncio.wait({self._owner})

    async def _own(self) -> None:
        transport = streamable_http_client(self._url, http_client=self._http, max_sse_event_size=LARGEST_EVENT)
        async with self._http, Client(transport, mode=PROTOCOL) as client:
            self._client.set_result(client)
            await self._closing.wait()

    async def _look_at(self, response: httpx2.Response) -> None:
        # The library does not say with which status a call failed.
        self.refused_with = response.status_code if response.status_code in REFUSED_AT_THE_DOOR else None

    def _gone(self, owner: asyncio.Task[None]) -> None:
        if not self._client.done():
            self._client.set_exception(McpAway("The MCP service cannot be reached."))
        if not owner.cancelled() and (error := owner.exception()) is not None:
            logger.info("A client of the MCP service broke: %r", error)


def _failure(error: MCPError, refused_with: int | None) -> McpAway | McpRefused:
    try:
        return McpRefused(ServiceRefusal.model_validate(error.data))
    except ValidationError:
        if refused_with is None:
            return McpAway(f"The MCP service cannot be reached, or broke off: {error.message}.")
    detail = f"The MCP service does not let this worker in ({refused_with}): see {REFUSED_AT_THE_DOOR[refused_with]}."
    return McpRefused(ServiceRefusal(code="mcp_not_allowed", detail=detail, retryable=False))


def _understood(result: CallToolResult, answer: type[AnswerT]) -> AnswerT:
    if result.is_error:
        raise McpAway("The MCP service failed. Its log says why.")
    try:
        return answer.model_validate(result.structured_content)
    except ValidationError as error:
        raise _not_understood() from error


def _not_understood() -> McpAway:
    return McpAway("The MCP service answered what is not understood. Is it of the same version?")
