"""The Model Context Protocol's door: tools, documents as resources, and a prompt."""

from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from inspect import getdoc
from typing import Any, TypeVar

from mcp.server.context import HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    GetPromptRequestParams,
    InputRequiredResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    RequestParams,
    ToolAnnotations,
)
from pydantic import ValidationError

from dynavera.contracts.mcp import ServiceRefusal
from dynavera.records.cursors import BadCursor
from dynavera.records.documents import DocumentNotFound
from dynavera.web.problems import field_errors
from mcp_service.identity import DESCRIPTION, INSTRUCTIONS, NAME, REFUSED, TITLE
from mcp_service.prompts import PromptNotFound, SourcesPrompt
from mcp_service.refusals import KNOWN, Known, refusal_of
from mcp_service.resources import DocumentResources, NoSuchResource
from mcp_service.service import Service
from mcp_service.tools import Tools

LOOKS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
WRITES = ToolAnnotations(read_only_hint=True, open_world_hint=True)
"""Generating changes nothing here, but the model may be an endpoint elsewhere."""
STOPS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

LONGEST_ECHO = 2_000
"""Characters of a URI that is said back to who asked for it."""

Parameters = TypeVar("Parameters", bound=RequestParams)
Handler = Callable[[ServerRequestContext[Any, Any], Parameters], Awaitable[HandlerResult]]


class KnowledgeServer(MCPServer[Any]):
    """An MCP server whose errors say what they are by structure: `data` of each is a `ServiceRefusal`."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; what goes wrong is a JSON-RPC error, never a result to be read by its text."""
        try:
            return await super().call_tool(name, arguments, context)
        except UnexpectedToolError as error:
            if isinstance(error.__cause__, KNOWN):
                raise _refused(error.__cause__) from error
            raise
        except ToolError as error:
            raise _invalid(error.__cause__ if isinstance(error.__cause__, ValidationError) else str(error)) from error

    def serve(self, method: str, parameters: type[Parameters], handler: Handler[Parameters]) -> None:
        """Answer `method` by `handler`: what is another for each user cannot be registered once for all."""

        async def answered(context: ServerRequestContext[Any, Any], asked: Parameters) -> HandlerResult:
            try:
                return await handler(context, asked)
            except KNOWN as error:
                raise _refused(error, asked) from error
            except ValidationError as error:
                raise _invalid(error) from error

        self._lowlevel_server.add_request_handler(method, parameters, answered)


def mcp_server(service: Callable[[], Service]) -> KnowledgeServer:
    """The MCP server: its tools, resources and prompt."""
    server = KnowledgeServer(
        name=NAME,
        title=TITLE,
        description=DESCRIPTION,
        instructions=INSTRUCTIONS,
        version=version("dynavera"),
        # Nobody is told of changes, so it is not offered either.
        subscriptions=False,
    )
    tools = Tools(service)
    for tool, title, annotations in (
        (tools.list_documents, "List documents", LOOKS),
        (tools.retrieve, "Find passages in documents", LOOKS),
        (tools.generate, "Write an answer from passages", WRITES),
        (tools.stop_generation, "Stop a generation", STOPS),
    ):
        server.add_tool(tool, title=title, description=getdoc(tool), annotations=annotations)
    resources = DocumentResources(service)
    server.serve("resources/list", PaginatedRequestParams, resources.page)
    server.serve("resources/templates/list", PaginatedRequestParams, resources.templates)
    server.serve("resources/read", ReadResourceRequestParams, resources.read)
    prompt = SourcesPrompt(service)
    server.serve("prompts/list", PaginatedRequestParams, prompt.listed)
    server.serve("prompts/get", GetPromptRequestParams, prompt.get)
    return server


def _refused(error: Known, asked: RequestParams | None = None) -> MCPError:
    # What is named by the request and is not there is a bad parameter, as the protocol has it.
    unknown = isinstance(error, DocumentNotFound | NoSuchResource | PromptNotFound | BadCursor)
    named = {"uri": asked.uri[:LONGEST_ECHO]} if isinstance(asked, ReadResourceRequestParams) else {}
    return _protocol_error(INVALID_PARAMS if unknown else REFUSED, refusal_of(error), named)


def _invalid(error: ValidationError | str) -> MCPError:
    detail = error if isinstance(error, str) else _what_is_wrong(error)
    return _protocol_error(INVALID_PARAMS, ServiceRefusal(code="invalid_arguments", detail=detail, retryable=False))


def _protocol_error(code: int, refusal: ServiceRefusal, named: Mapping[str, str] | None = None) -> MCPError:
    return MCPError(code, refusal.detail, {**refusal.model_dump(mode="json"), **(named or {})})


def _what_is_wrong(error: ValidationError) -> str:
    """The arguments that are wrong and why, without the values: those are the caller's."""
    return " ".join(f"{each.location}: {each.message}." for each in field_errors(error.errors(include_url=False)))
