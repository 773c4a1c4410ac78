"""An MCP server that passes every request on to the service, and what it says on the way back."""

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

from mcp_service.identity import DESCRIPTION, INSTRUCTIONS, NAME, REFUSED, TITLE
from mcp_service.refusals import refusal_of
from mcp_service.stdio.service_at_hand import ServiceAtHand, ServiceAway

PROTOCOL = "2026-07-28"
"""The revision that the service is asked in, whichever the client speaks: it has no sessions that could be lost."""

PASSED_ON: dict[str, type[RequestParams]] = {
    "tools/list": PaginatedRequestParams,
    "tools/call": CallToolRequestParams,
    "resources/list": PaginatedRequestParams,
    "resources/templates/list": PaginatedRequestParams,
    "resources/read": ReadResourceRequestParams,
    "prompts/list": PaginatedRequestParams,
    "prompts/get": GetPromptRequestParams,
}

OWN_META = ("io.modelcontextprotocol/", "progressToken")
"""What of a request's `_meta` belongs to the connection it came by."""


class _Result(RootModel[dict[str, Any]]):
    """What the service answers, as it is."""


class _BrokeOff(Exception):
    """The service went away before it had answered."""


class Bridge:
    """Answers by asking the service at hand; one request is one exchange with it, so that its death costs no more."""

    def __init__(self, at_hand: ServiceAtHand, http: httpx2.AsyncClient) -> None:
        self._at_hand = at_hand
        self._http = http

    def server(self) -> Server[Any]:
        """The server, to be run on a client's streams."""
        server = Server[Any](
            NAME, version=version("dynavera"), title=TITLE, description=DESCRIPTION, instructions=INSTRUCTIONS
        )
        for method, parameters in PASSED_ON.items():
            server.add_request_handler(method, parameters, self._pass_on)
        return server

    async def _pass_on(self, context: ServerRequestContext[Any, Any], _parameters: RequestParams) -> dict[str, Any]:
        try:
            return await self._answer(context)
        except ServiceAway as away:
            raise MCPError(REFUSED, str(away), refusal_of(away).model_dump(mode="json")) from away

    async def _answer(self, context: ServerRequestContext[Any, Any]) -> dict[str, Any]:
        while True:
            url = await self._at_hand.url()
            async with _progress_to(context.session) as progress:
                try:
                    return await self._asked(url, context, progress)
                except _BrokeOff as error:
                    self._at_hand.lost(url)
                    # Nobody has seen anything of it yet: it can be asked again, of a service that is there.
                    if progress.is_begun:
                        raise ServiceAway("The MCP service broke off. Ask again.") from error

    async def _asked(self, url: str, context: ServerRequestContext[Any, Any], progress: "_Progress") -> dict[str, Any]:
        transport = streamable_http_client(f"{url}/mcp", http_client=self._http, max_sse_event_size=None)
        request = Request[dict[str, Any], str](method=context.method, params=_parameters_of(context))
        try:
            async with Client(transport, mode=PROTOCOL, cache=None) as client:
                try:
                    answer = await client.session.send_request(request, _Result, progress_callback=progress.hear)
                except MCPError as error:
                    failure = error
                else:
                    return answer.root
        except BaseExceptionGroup as group:
            if group.split(httpx2.TransportError)[1] is not None:
                raise
            raise _BrokeOff from group
        if failure.code == CONNECTION_CLOSED:
            raise _BrokeOff from failure
        raise failure


class _Progress:
    """What the service says while it works, in order; the library hears each in a task of its own."""

    def __init__(self) -> None:
        self._heard, self._to_say = anyio.create_memory_object_stream[tuple[float, float | None, str | None]](
            float("inf")
        )
        self._last = -1.0

    @property
    def is_begun(self) -> bool:
        """Whether anything was said."""
        return self._last >= 0

    async def hear(self, progress: float, total: float | None, message: str | None) -> None:
        """Take what is said."""
        self._heard.send_nowait((progress, total, message))

    async def say(self, session: ServerSession) -> None:
        """Pass it on until nothing more comes."""
        async with self._to_say:
            async for progress, total, message in self._to_say:
                if progress > self._last:
                    self._last = progress
                    await session.report_progress(progress, total, message)

    def end(self) -> None:
        """Nothing more comes that would be passed on."""
        self._heard.close()


@asynccontextmanager
async def _progress_to(session: ServerSession) -> AsyncGenerator[_Progress]:
    progress = _Progress()
    # A task and no task group: that would wrap the refusal, which is to come through as it is.
    saying = asyncio.create_task(progress.say(session))
    try:
        yield progress
        progress.end()
        await saying
    finally:
        saying.cancel()


def _parameters_of(context: ServerRequestContext[Any, Any]) -> dict[str, Any]:
    parameters = dict(context.params or {})
    meta: dict[str, Any] = parameters.pop("_meta", None) or {}
    kept = {name: value for name, value in meta.items() if not name.startswith(OWN_META)}
    return parameters | {"_meta": kept} if kept else parameters
