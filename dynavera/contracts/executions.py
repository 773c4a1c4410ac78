"""Executions: one run of an agent, from the question to the answer."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, TypeAdapter

from dynavera.contracts.contract import Contract, JsonObject, Request, UtcTime
from dynavera.contracts.documents import Document, Query, Source

LARGEST_INPUT = 64 * 1024
"""Bytes of an execution's input as JSON in UTF-8."""

ExecutionStatus = Literal["queued", "running", "completed", "failed", "stopped"]
FinalStatus = Literal["completed", "failed", "stopped"]
LIVE: tuple[ExecutionStatus, ...] = ("queued", "running")
Stage = Literal["initializing", "retrieving", "generating", "saving"]

_json_object = TypeAdapter(dict[str, object])
_query = TypeAdapter(Query)


def _is_a_question(input_data: JsonObject) -> JsonObject:
    size = len(_json_object.dump_json(input_data))
    if size > LARGEST_INPUT:
        raise ValueError(f"must be at most {LARGEST_INPUT} bytes as JSON, and is {size}")
    if "query" not in input_data:
        raise ValueError("must have the field 'query': the question, as a string")
    query = input_data["query"]
    if not isinstance(query, str):
        raise ValueError(f"its field 'query' must be a string, and is {type(query).__name__}")
    if not query.strip():
        raise ValueError("its field 'query' must not be blank: it is the question")
    return input_data


InputData = Annotated[JsonObject, AfterValidator(_is_a_question)]
"""Any JSON object of at most 64 KiB whose `query` is the question."""


class ExecutionStart(Request):
    """What to ask the agent."""

    input_data: InputData = Field(description='At least `{"query": "…"}`; further fields are kept with the execution.')


class Usage(Contract):
    """What an answer cost, in tokens of its generator."""

    prompt_tokens: int
    completion_tokens: int


class CompletedOutput(Contract):
    """A whole answer with the sources it may cite, and what it cost."""

    answer: str
    sources: list[Source]
    generator: str
    usage: Usage


class PartialOutput(Contract):
    """What had been generated when an execution was stopped or failed."""

    answer: str
    sources: list[Source]
    partial: Literal[True]


OutputData = CompletedOutput | PartialOutput


class StopReceipt(Contract):
    """When a stop was asked for, when the generator let go (null: it never said), and how much had been written."""

    requested_at: UtcTime
    acknowledged_at: UtcTime | None
    characters: int


class Execution(Contract):
    """One run of an agent. `stage` and `partial_answer` are read from the live execution, one at a time."""

    id: UUID
    agent_id: UUID
    status: ExecutionStatus
    stage: Stage | None
    input_data: JsonObject
    output_data: OutputData | None
    error_message: str | None
    retry_of: UUID | None
    created_at: UtcTime
    started_at: UtcTime | None
    completed_at: UtcTime | None
    temporal_url: str | None
    partial_answer: str | None = Field(default=None, exclude_if=lambda answer: answer is None)


class PinnedSource(Contract):
    """A source as it was cited, and its document as it is now (null when it is gone)."""

    source: Source
    document: Document | None
    state: Literal["unchanged", "changed", "gone"]
