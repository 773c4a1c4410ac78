"""An MCP server that forwards every request to the service, and its progress and result to the client."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    CallToolRequestParams,
    GetPromptRequestParams,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    Request,
    RequestParams,
)
from pydantic import RootModel

from mcp_service.refusals import refusal_of
from mcp_service.server_info import DESCRIPTION, INSTRUCTIONS, NAME, REFUSAL_ERROR_CODE, TITLE
from mcp_service.stdio.service_locator import ServiceAway, ServiceLocator

PROTOCOL = "2026-07-28"
"""The revision used with the service, whichever the client speaks: it has no sessions that could be lost."""

FORWARDED: dict[str, type[RequestParams]] = {
    "tools/list": PaginatedRequestParams,
    "tools/call": CallToolRequestParams,
    "resources/list": PaginatedRequestParams,
    "resources/templates/list": PaginatedRequestParams,
    "resources/read": ReadResourceRequestParams,
    "prompts/list": PaginatedRequestParams,
    "prompts/get": GetPromptRequestParams,
}

CONNECTION_META = ("io.modelcontextprotocol/", "progressToken")
"""Prefixes of a request's `_meta` that concern the client's own connection."""


class _Result(RootModel[dict[str, Any]]):
    """The service's result, unchanged."""


class _ServiceLost(Exception):
    """The connection to the service was lost before it had answered."""


class Bridge:
    """Forwards requests to the service; each has its own connection, so that a crash affects only what is running."""

    def __init__(self, locator: ServiceLocator, http: httpx2.AsyncClient) -> None:
        self._locator = locator
        self._http = http

    def server(self) -> Server[Any]:
        """The server to run on a client's streams."""
        server = Server[Any](
            NAME, version=version("dynavera"), title=TITLE, description=DESCRIPTION, instructions=INSTRUCTIONS
        )
        for method, parameters in FORWARDED.items():
            server.add_request_handler(method, parameters, self._forward)
        return server

    async def _forward(self, context: ServerRequestContext[Any, Any], _parameters: RequestParams) -> dict[str, Any]:
        try:
            return await self._result(context)
        except ServiceAway as error:
            raise MCPError(REFUSAL_ERROR_CODE, str(error), refusal_of(error).model_dump(mode="json")) from error

    async def _result(self, context: ServerRequestContext[Any, Any]) -> dict[str, Any]:
        while True:
            url = await self._locator.url()
            async with _forward_progress(context.session) as progress:
                try:
                    return await self._call(url, context, progress)
                except _ServiceLost as error:
                    self._locator.forget(url)
                    # Without progress the client has seen nothing yet, so another service can be asked.
                    if progress.has_started:
                        raise ServiceAway("The connection to the MCP service was lost. Try again.") from error

    async def _call(self, url: str, context: ServerRequestContext[Any, Any], progress: "_Progress") -> dict[str, Any]:
        transport = streamable_http_client(f"{url}/mcp", http_client=self._http, max_sse_event_size=None)
        request = Request[dict[str, Any], str](method=context.method, params=_parameters_of(context))
        try:
            async with Client(transport, mode=PROTOCOL, cache=None) as client:
                try:
                    answer = await client.session.send_request(request, _Result, progress_callback=progress.receive)
                except MCPError as error:
                    failure = error
                else:
                    return answer.root
        except BaseExceptionGroup as group:
            if group.split(httpx2.TransportError)[1] is not None:
                raise
            raise _ServiceLost from group
        if failure.code == CONNECTION_CLOSED:
            raise _ServiceLost from failure
        raise failure


class _Progress:
    """Progress of the service, put back in order: the library runs each callback in its own task."""

    def __init__(self) -> None:
        self._received, self._queue = anyio.create_memory_object_stream[tuple[float, float | None, str | None]](
            float("inf")
        )
        self._last = -1.0

    @property
    def has_started(self) -> bool:
        """Whether anything was forwarded."""
        return self._last >= 0

    async def receive(self, progress: float, total: float | None, message: str | None) -> None:
        """Queue a notification."""
        self._received.send_nowait((progress, total, message))

    async def forward(self, session: ServerSession) -> None:
        """Send the queued notifications to the client until `end`."""
        async with self._queue:
            async for progress, total, message in self._queue:
                if progress > self._last:
                    self._last = progress
                    await session.report_progress(progress, total, message)

    def end(self) -> None:
        """End `forward` after what is queued."""
        self._received.close()


@asynccontextmanager
async def _forward_progress(session: ServerSession) -> AsyncGenerator[_Progress]:
    progress = _Progress()
    # A task instead of a task group, which would wrap the service's errors.
    forwarding = asyncio.create_task(progress.forward(session))
    try:
        yield progress
        progress.end()
        await forwarding
    finally:
        forwarding.cancel()


def _parameters_of(context: ServerRequestContext[Any, Any]) -> dict[str, Any]:
    parameters = dict(context.params or {})
    meta: dict[str, Any] = parameters.pop("_meta", None) or {}
    kept = {name: value for name, value in meta.items() if not name.startswith(CONNECTION_META)}
    return parameters | {"_meta": kept} if kept else parameters
