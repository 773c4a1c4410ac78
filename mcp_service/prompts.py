"""The prompt that lets a client's own model answer from the user's documents."""

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

from dynavera.contracts.contract import Collection, Request
from dynavera.contracts.documents import Query
from dynavera.contracts.mcp import GivenPassage
from mcp_service.prompt import prompt_for
from mcp_service.refusals import Refused
from mcp_service.service import Service

NAME = "answer_with_sources"
DESCRIPTION = "Answer a question from the user's documents, with citations: their passages are in the prompt."


class PromptNotFound(Refused):
    """There is no prompt of the name."""

    code: ClassVar[str] = "prompt_not_found"
    status: ClassVar[int] = status.HTTP_404_NOT_FOUND


class SourcesArguments(Request):
    """What the prompt is given; the protocol sends every argument as text."""

    question: Annotated[Query, Field(description="The question.")]
    collection: Annotated[Collection, Field(description="Where to look; `default` when it is left out.")] = "default"
    top_k: Annotated[int, Field(ge=1, le=50, description="How many passages to give, 1 to 50; 4 when left out.")] = 4


class SourcesPrompt:
    """The prompt; `service` gives what it looks in, which is open only while the app runs."""

    def __init__(self, service: Callable[[], Service]) -> None:
        self._service = service

    async def listed(
        self, _context: ServerRequestContext[Any, Any], _asked: PaginatedRequestParams
    ) -> ListPromptsResult:
        """The one prompt there is."""
        arguments = [
            PromptArgument(name=name, description=field.description, required=field.is_required())
            for name, field in SourcesArguments.model_fields.items()
        ]
        prompt = Prompt(name=NAME, title="Answer with sources", description=DESCRIPTION, arguments=arguments)
        return ListPromptsResult(prompts=[prompt])

    async def get(self, context: ServerRequestContext[Any, Any], asked: GetPromptRequestParams) -> GetPromptResult:
        """The instructions, the passages that fit the question, and the question.

        Raises:
            PromptNotFound: there is no such prompt.
            UnknownCollection: the user has no documents there.
        """
        if asked.name != NAME:
            raise PromptNotFound(f"There is no such prompt. There is {NAME!r}.")
        arguments = SourcesArguments.model_validate(asked.arguments or {})
        user = await self._service().doorkeeper.asker(context)
        knowledge = await self._service().knowledge.opened()
        found = await knowledge.retrieve(user.id, arguments.collection, arguments.question, arguments.top_k)
        passages = [GivenPassage(text=passage.text, document=passage.document) for passage in found]
        prompt = prompt_for(arguments.question, passages, "")
        # The protocol has no system message in a prompt.
        text = TextContent(text=f"{prompt.system}\n\n{prompt.user}")
        return GetPromptResult(description=DESCRIPTION, messages=[PromptMessage(role="user", content=text)])
