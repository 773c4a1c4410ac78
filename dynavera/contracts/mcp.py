"""Arguments, results and errors of the MCP service's tools."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from dynavera.contracts.agents import (
    DEFAULT_MAX_TOKENS,
    DEFAULT_TEMPERATURE,
    GeneratorName,
    Instructions,
    MaxTokens,
    Temperature,
)
from dynavera.contracts.contract import Contract, Text, UtcTime
from dynavera.contracts.documents import Document, Query, RetrievedPassage, Source
from dynavera.contracts.executions import Usage

USER_META = "dynavera/user"
"""The key of an MCP request's `_meta` in which the service token names a user's id."""

USER_HEADER = "X-Dynavera-User"
"""The header of a plain HTTP request in which the service token names a user's id."""

MAX_ANSWER_BYTES = 512 * 1024
"""The maximum of an answer as JSON in UTF-8: enough for 45 minutes at 20 tokens per second and, with the sources, well
below Temporal's 2 MB per payload. The generation of a longer answer fails."""

MAX_REASONING_CHARACTERS = 64 * 1024
"""The part of a model's reasoning that is kept."""

MAX_PASSAGE_CHARACTERS = 64 * 1024
"""The maximum length of a passage for `generate`."""

OperationId = Annotated[Text, Field(min_length=1, max_length=200)]
"""The id of a generation, with which its user can stop it."""

Prefix = Annotated[Text, Field(max_length=MAX_ANSWER_BYTES)]
"""The part of the answer that an earlier attempt has written."""


class GivenPassage(Contract):
    """A passage to answer from: a `RetrievedPassage` or any text."""

    text: Annotated[Text, Field(max_length=MAX_PASSAGE_CHARACTERS)]
    document: Annotated[Text, Field(max_length=1_000)] = ""
    heading: Annotated[Text, Field(max_length=1_000)] = ""


class GenerateCall(Contract):
    """The arguments of `generate`; passages are cited as [1], [2] in their order."""

    query: Query
    passages: list[RetrievedPassage]
    instructions: Instructions = ""
    max_tokens: MaxTokens = DEFAULT_MAX_TOKENS
    temperature: Temperature = DEFAULT_TEMPERATURE
    generator: GeneratorName | None = None
    prefix: Prefix = ""
    operation_id: OperationId | None = None


class Retrieved(Contract):
    """The result of `retrieve`: the matching passages, best first."""

    passages: list[RetrievedPassage]

    def sources(self) -> list[Source]:
        """The passages with their numbers in citations."""
        return [Source(n=n, **passage.model_dump()) for n, passage in enumerate(self.passages, 1)]


class Generated(Contract):
    """The result of `generate`: the whole text, including a continued prefix."""

    text: str
    generator: str
    finish_reason: Literal["stop", "length", "content_filter", "stopped"]
    usage: Usage
    reasoning: str = ""


class GenerationStopped(Contract):
    """The result of `stop_generation` after the generator has stopped; `stopped` is false if nothing was running."""

    stopped: bool
    characters: int
    acknowledged_at: UtcTime


class ListedDocument(Document):
    """A document with its id under the name that passages and resources use too."""

    document_id: UUID


class Documents(Contract):
    """The result of `list_documents`; `next_cursor` is null on the last page."""

    documents: list[ListedDocument]
    next_cursor: str | None = None


class ServiceRefusal(Contract):
    """Why a tool call failed: a stable code, a sentence, and whether a retry can succeed."""

    code: str
    detail: str
    retryable: bool
    retry_after_seconds: float | None = None
