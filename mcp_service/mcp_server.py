"""The MCP server: tools, documents as resources, and a prompt."""

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
    TextContent,
    ToolAnnotations,
)
from pydantic import ValidationError

from dynavera.contracts.mcp import ServiceRefusal
from dynavera.records.cursors import BadCursor
from dynavera.records.documents import DocumentNotFound
from dynavera.records.users import UserNotFound
from dynavera.web.problems import field_errors
from mcp_service.authentication import BadUser, NotYourself
from mcp_service.mcp_prompts import PromptNotFound, SourcesPrompt
from mcp_service.mcp_resources import DocumentResources, ResourceNotFound
from mcp_service.mcp_tools import Tools
from mcp_service.refusals import EXPECTED_ERRORS, refusal_of
from mcp_service.server_info import DESCRIPTION, INSTRUCTIONS, NAME, REFUSAL_ERROR_CODE, TITLE
from mcp_service.service import Service

READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)
CALLS_MODEL = ToolAnnotations(read_only_hint=True, open_world_hint=True)
"""Generating changes nothing here, but the model may be an endpoint elsewhere."""
STOPS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

NOT_ADMITTED = (NotYourself, BadUser, UserNotFound)
"""Errors of the credential, which no arguments can correct."""

MAX_ECHO_LENGTH = 2_000
"""Characters of a URI that an error repeats."""

Parameters = TypeVar("Parameters", bound=RequestParams)
Handler = Callable[[ServerRequestContext[Any, Any], Parameters], Awaitable[HandlerResult]]


class KnowledgeServer(MCPServer[Any]):
    """An MCP server whose errors are structured: each has a `ServiceRefusal`, as `data` or, of tools, as `_meta`."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; a refusal is a result with `isError`, so that a model can read it and correct itself.

        An unknown tool, and a user that the credential cannot act for, are JSON-RPC errors.
        """
        try:
            return await super().call_tool(name, arguments, context)
        except UnexpectedToolError as error:
            cause = error.__cause__
            if isinstance(cause, NOT_ADMITTED):
                raise _refused(cause) from error
            if isinstance(cause, EXPECTED_ERRORS):
                return _refusal_result(refusal_of(cause))
            raise
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                return _refusal_result(_invalid_arguments(error.__cause__))
            raise _invalid(str(error)) from error

    def add_handler(self, method: str, parameters: type[Parameters], handler: Handler[Parameters]) -> None:
        """Answer `method` with `handler`: results that depend on the user cannot be registered with the SDK."""

        async def handle(context: ServerRequestContext[Any, Any], request: Parameters) -> HandlerResult:
            try:
                return await handler(context, request)
            except EXPECTED_ERRORS as error:
                raise _refused(error, request) from error
            except ValidationError as error:
                raise _invalid(error) from error

        self._lowlevel_server.add_request_handler(method, parameters, handle)


def mcp_server(service: Callable[[], Service], keep_alive_seconds: float) -> KnowledgeServer:
    """The server with its tools, resources and prompt."""
    server = KnowledgeServer(
        name=NAME,
        title=TITLE,
        description=DESCRIPTION,
        instructions=INSTRUCTIONS,
        version=version("dynavera"),
        # No notifications are sent, so none are offered.
        subscriptions=False,
    )
    tools = Tools(service, keep_alive_seconds)
    for tool, title, annotations in (
        (tools.list_documents, "List documents", READ_ONLY),
        (tools.retrieve, "Find passages in documents", READ_ONLY),
        (tools.generate, "Write an answer from passages", CALLS_MODEL),
        (tools.stop_generation, "Stop a generation", STOPS),
    ):
        server.add_tool(tool, title=title, description=getdoc(tool), annotations=annotations)
    resources = DocumentResources(service)
    server.add_handler("resources/list", PaginatedRequestParams, resources.list)
    server.add_handler("resources/templates/list", PaginatedRequestParams, resources.list_templates)
    server.add_handler("resources/read", ReadResourceRequestParams, resources.read)
    prompt = SourcesPrompt(service)
    server.add_handler("prompts/list", PaginatedRequestParams, prompt.list)
    server.add_handler("prompts/get", GetPromptRequestParams, prompt.get)
    return server


def _refused(error: Exception, request: RequestParams | None = None) -> MCPError:
    # The protocol answers a request for something that does not exist with "invalid params".
    not_found = isinstance(error, DocumentNotFound | ResourceNotFound | PromptNotFound | BadCursor)
    extra = {"uri": request.uri[:MAX_ECHO_LENGTH]} if isinstance(request, ReadResourceRequestParams) else {}
    return _protocol_error(INVALID_PARAMS if not_found else REFUSAL_ERROR_CODE, refusal_of(error), extra)


def _refusal_result(refusal: ServiceRefusal) -> CallToolResult:
    text = TextContent(text=refusal.detail)
    return CallToolResult(content=[text], is_error=True, _meta=refusal.model_dump(mode="json"))


def _invalid(error: ValidationError | str) -> MCPError:
    refusal = _invalid_arguments(error) if isinstance(error, ValidationError) else _invalid_request(error)
    return _protocol_error(INVALID_PARAMS, refusal)


def _invalid_request(detail: str) -> ServiceRefusal:
    return ServiceRefusal(code="invalid_arguments", detail=detail, retryable=False)


def _protocol_error(code: int, refusal: ServiceRefusal, extra: Mapping[str, str] | None = None) -> MCPError:
    return MCPError(code, refusal.detail, {**refusal.model_dump(mode="json"), **(extra or {})})


def _invalid_arguments(error: ValidationError) -> ServiceRefusal:
    """The arguments that are invalid and why, without the caller's values."""
    reasons = (f"{each.location}: {each.message}." for each in field_errors(error.errors(include_url=False)))
    return _invalid_request(" ".join(reasons))
