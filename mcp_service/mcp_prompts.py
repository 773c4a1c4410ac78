"""MCP prompt: lets a client's own model answer from the user's documents."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from mcp.server.context import ServerRequestContext
from mcp_types import (
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
)
from pydantic import Field
from starlette import status

from dynavera.contracts.agents import DEFAULT_TOP_K
from dynavera.contracts.contract import DEFAULT_COLLECTION, Collection, Request
from dynavera.contracts.documents import Query
from dynavera.contracts.mcp import GivenPassage
from dynavera.web.errors import Refused
from mcp_service.generator_prompt import build_prompt
from mcp_service.service import Service

NAME = "answer_with_sources"
DESCRIPTION = "Answer a question from the user's documents, with citations: their passages are in the prompt."


class PromptNotFound(Refused):
    """There is no prompt of this name."""

    code: ClassVar[str] = "prompt_not_found"
    status: ClassVar[int] = status.HTTP_404_NOT_FOUND


class SourcesArguments(Request):
    """The prompt's arguments; the protocol sends each as text."""

    question: Annotated[Query, Field(description="The question.")]
    collection: Annotated[
        Collection, Field(description=f"Where to look; `{DEFAULT_COLLECTION}` when it is left out.")
    ] = DEFAULT_COLLECTION
    top_k: Annotated[
        int, Field(ge=1, le=50, description=f"How many passages to give, 1 to 50; {DEFAULT_TOP_K} when left out.")
    ] = DEFAULT_TOP_K


class SourcesPrompt:
    """The prompt; `service` is a function because the service exists only while the app runs."""

    def __init__(self, service: Callable[[], Service]) -> None:
        self._service = service

    async def list(
        self, _context: ServerRequestContext[Any, Any], _parameters: PaginatedRequestParams
    ) -> ListPromptsResult:
        """The only prompt."""
        arguments = [
            PromptArgument(name=name, description=field.description, required=field.is_required())
            for name, field in SourcesArguments.model_fields.items()
        ]
        prompt = Prompt(name=NAME, title="Answer with sources", description=DESCRIPTION, arguments=arguments)
        return ListPromptsResult(prompts=[prompt])

    async def get(self, context: ServerRequestContext[Any, Any], parameters: GetPromptRequestParams) -> GetPromptResult:
        """The instructions, the passages that match the question, and the question.

        Raises:
            PromptNotFound: there is no such prompt.
            UnknownCollection: the user has no documents there.
        """
        if parameters.name != NAME:
            raise PromptNotFound(f"There is no such prompt; the only one is {NAME!r}.")
        arguments = SourcesArguments.model_validate(parameters.arguments or {})
        user = await self._service().callers.user_for_mcp(context)
        knowledge = await self._service().knowledge.ready()
        found = await knowledge.retrieve(user.id, arguments.collection, arguments.question, arguments.top_k)
        passages = [
            GivenPassage(text=passage.text, document=passage.document, heading=passage.heading) for passage in found
        ]
        prompt = build_prompt(arguments.question, passages, "")
        # An MCP prompt has no system message.
        text = TextContent(text=f"{prompt.system}\n\n{prompt.user}")
        return GetPromptResult(description=DESCRIPTION, messages=[PromptMessage(role="user", content=text)])
