"""What the MCP service's tools answer, and how they say no."""

from typing import Annotated, Literal

from pydantic import Field

from dynavera.contracts.agents import GeneratorName, Instructions, MaxTokens, Temperature
from dynavera.contracts.contract import Contract, Text, UtcTime
from dynavera.contracts.documents import Document, Query, RetrievedPassage, Source
from dynavera.contracts.executions import Usage

USER_META = "dynavera/user"
"""The key of an MCP request's `_meta` in which the service token names a user's id."""

USER_HEADER = "X-Dynavera-User"
"""The header of a plain HTTP request in which the service token names a user's id."""

LARGEST_ANSWER = 512 * 1024
"""Bytes of an answer as JSON in UTF-8: 45 minutes at 20 tokens a second fit, and with its sources it stays well below
Temporal's 2 MB a payload. One that grows larger fails in words."""


LARGEST_PASSAGE = 64 * 1024
"""Characters of a passage that `generate` is given at most."""

OperationId = Annotated[Text, Field(min_length=1, max_length=200)]
"""A name for a generation, under which its user can stop it."""

Prefix = Annotated[Text, Field(max_length=LARGEST_ANSWER)]
"""What an earlier attempt has written of the answer already."""


class GivenPassage(Contract):
    """A passage to answer from: a `RetrievedPassage`, or any text."""

    text: Annotated[Text, Field(max_length=LARGEST_PASSAGE)]
    document: Annotated[Text, Field(max_length=1_000)] = ""


class GenerateCall(Contract):
    """What `generate` is asked; the passages are cited as [1], [2] in their order."""

    query: Query
    passages: list[RetrievedPassage]
    instructions: Instructions = ""
    max_tokens: MaxTokens = 200
    temperature: Temperature = 0.2
    generator: GeneratorName | None = None
    prefix: Prefix = ""
    operation_id: OperationId | None = None


class Retrieved(Contract):
    """What `retrieve` answers: the passages that fit the query, the best first."""

    passages: list[RetrievedPassage]

    def sources(self) -> list[Source]:
        """The passages with the numbers that the answer cites them by."""
        return [Source(n=n, **passage.model_dump()) for n, passage in enumerate(self.passages, 1)]


class Generated(Contract):
    """What `generate` answers: the whole text, a continued prefix included."""

    text: str
    generator: str
    finish_reason: Literal["stop", "length", "stopped"]
    usage: Usage


class GenerationStopped(Contract):
    """What `stop_generation` answers once the generator has let go; `stopped` is false when nothing ran."""

    stopped: bool
    characters: int
    acknowledged_at: UtcTime


class Documents(Contract):
    """What `list_documents` answers; `next_cursor` asks for the rest, null: there is none."""

    documents: list[Document]
    next_cursor: str | None = None


class ServiceRefusal(Contract):
    """Why a tool call failed: a stable code, a sentence, and whether trying again can help."""

    code: str
    detail: str
    retryable: bool
    retry_after_seconds: float | None = None
