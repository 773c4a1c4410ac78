"""The Model Context Protocol's door: four tools, structured results, text streamed as progress."""

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Any, cast

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult, InputRequiredResult
from pydantic import Field, ValidationError
from starlette.requests import Request

from dynavera.contracts.agents import GeneratorName, Instructions, MaxTokens, Temperature, TopK
from dynavera.contracts.contract import Collection
from dynavera.contracts.documents import Query
from dynavera.contracts.mcp import (
    USER_META,
    Documents,
    Generated,
    GenerationStopped,
    GivenPassage,
    OperationId,
    Prefix,
    Retrieved,
    ServiceRefusal,
)
from dynavera.contracts.users import User
from mcp_service.authentication import Caller
from mcp_service.generation import Order
from mcp_service.generators.generator import Ask, Piece, Waiting
from mcp_service.refusals import KNOWN, refusal_of
from mcp_service.service import Service

NAME = "dynavera"
REFUSED = -32050
"""The JSON-RPC code of a refusal; its `data` is a `ServiceRefusal`."""

KEEP_ALIVE_SECONDS = 10
"""The longest silence of a generation: after it an empty status says that it still runs."""

MOST_PASSAGES = 50
MOST_LISTED = 1000

ToolContext = Context[Any, Any]
Passages = Annotated[list[GivenPassage], Field(max_length=MOST_PASSAGES)]


class KnowledgeServer(MCPServer[Any]):
    """An MCP server whose errors say what they are by structure: `data` of each is a `ServiceRefusal`."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: ToolContext | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; what goes wrong is a JSON-RPC error, never a result to be read by its text."""
        try:
            return await super().call_tool(name, arguments, context)
        except UnexpectedToolError as error:
            if isinstance(error.__cause__, KNOWN):
                raise _protocol_error(REFUSED, refusal_of(error.__cause__)) from error
            raise
        except ToolError as error:
            detail = _what_is_wrong(error.__cause__) if isinstance(error.__cause__, ValidationError) else str(error)
            refusal = ServiceRefusal(code="invalid_arguments", detail=detail, retryable=False)
            raise _protocol_error(INVALID_PARAMS, refusal) from error


class Tools:
    """The tools; `service` gives what they work with, which is open only while the app runs."""

    def __init__(self, service: Callable[[], Service]) -> None:
        self._service = service

    async def retrieve(
        self, context: ToolContext, query: Query, top_k: TopK = 4, collection: Collection = "default"
    ) -> Retrieved:
        """Find the passages of the user's documents that fit a question, the best first."""
        user = await self._user(context)
        found = await self._service().knowledge.retrieve(user.id, collection, query, top_k)
        return Retrieved(passages=[passage.retrieved() for passage in found])

    async def generate(
        self,
        context: ToolContext,
        query: Query,
        passages: Passages,
        instructions: Instructions = "",
        max_tokens: MaxTokens = 200,
        temperature: Temperature = 0.2,
        generator: GeneratorName | None = None,
        prefix: Prefix = "",
        operation_id: OperationId | None = None,
    ) -> Generated:
        """Answer a question from passages, cited as [n].

        The text comes as progress: `progress` is the number of code points so far, `message` the piece. What is said
        before there is text has a `progress` that is not a whole number; an empty message means that it still runs.
        """
        user = await self._user(context)
        ask = Ask(query, passages, instructions, max_tokens, temperature, prefix)
        report = _Report(context)
        keeping = asyncio.create_task(report.keep_alive())
        try:
            return await self._service().generations.run(Order(user.id, ask, generator, operation_id), report.tell)
        finally:
            keeping.cancel()

    async def stop_generation(self, context: ToolContext, operation_id: OperationId) -> GenerationStopped:
        """Stop a generation of the user; answers when the generator has let go."""
        user = await self._user(context)
        return await self._service().generations.stop(user.id, operation_id)

    async def list_documents(self, context: ToolContext, collection: Collection = "default") -> Documents:
        """List the user's documents in a collection, newest first, at most 1000."""
        user = await self._user(context)
        page = await self._service().knowledge.records.page(user.id, collection, MOST_LISTED, None)
        return Documents(documents=page.items)

    async def _user(self, context: ToolContext) -> User:
        asked = context.request_context
        # The door has let the HTTP request in, and has put the caller there.
        request = cast("Request", asked.request)
        caller: Caller = request.state.caller
        return await self._service().doorkeeper.user_for(caller, (asked.meta or {}).get(USER_META))


def mcp_server(service: Callable[[], Service]) -> KnowledgeServer:
    """The MCP server with its tools."""
    server = KnowledgeServer(name=NAME, instructions="Retrieve passages of the user's documents; generate answers.")
    tools = Tools(service)
    for tool in (tools.retrieve, tools.generate, tools.stop_generation, tools.list_documents):
        server.add_tool(tool)
    return server


class _Report:
    """What a generation says while it runs, as progress; text and all else are told apart by the number."""

    def __init__(self, context: ToolContext) -> None:
        self._context = context
        self._characters = 0
        self._asides = 0
        self._last = time.monotonic()

    async def tell(self, item: Piece | Waiting) -> None:
        """Send a piece of the answer, or why there is none yet."""
        match item:
            case Piece():
                self._characters = item.offset + len(item.text)
                self._asides = 0
                await self._send(self._characters, item.text)
            case Waiting():
                await self._aside(item.message)

    async def keep_alive(self) -> None:
        """Say again and again that it still runs, when nothing else says it."""
        while True:
            silent_since = self._last
            await asyncio.sleep(silent_since + KEEP_ALIVE_SECONDS - time.monotonic())
            if self._last == silent_since:
                await self._aside("")

    async def _aside(self, message: str) -> None:
        # Progress must grow and never reach the next whole number: 1/2, 2/3, 3/4 …
        self._asides += 1
        await self._send(self._characters + self._asides / (self._asides + 1), message)

    async def _send(self, progress: float, message: str) -> None:
        self._last = time.monotonic()
        await self._context.report_progress(progress, message=message)


def _protocol_error(code: int, refusal: ServiceRefusal) -> MCPError:
    return MCPError(code, refusal.detail, refusal.model_dump(mode="json"))


def _what_is_wrong(error: ValidationError) -> str:
    """The arguments that are wrong and why, without the values: those are the caller's."""
    return " ".join(
        f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}."
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    )
