"""Executions: one run of an agent, from the question to the answer."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, TypeAdapter

from dynavera.contracts.contract import NOT_BLANK, Contract, JsonObject, Request, SchemaExtra, UtcTime
from dynavera.contracts.documents import Document, Passage, Source

LARGEST_INPUT = 64 * 1024
"""Bytes of an execution's input as JSON in UTF-8."""

ExecutionStatus = Literal["queued", "running", "completed", "failed", "stopped"]
FinalStatus = Literal["completed", "failed", "stopped"]
LIVE: tuple[ExecutionStatus, ...] = ("queued", "running")
Stage = Literal["initializing", "retrieving", "generating", "saving"]

_json_object = TypeAdapter(dict[str, object])


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


QUESTION = {
    "type": "string",
    "minLength": 1,
    "maxLength": LARGEST_INPUT - len('{"query":""}'),
    "pattern": NOT_BLANK,
    "description": "The question.",
}
"""JSON schema of `query`: alone it may take what the whole input may, less its own frame."""

InputData = Annotated[
    JsonObject,
    AfterValidator(_is_a_question),
    SchemaExtra({"properties": {"query": QUESTION}, "required": ["query"], "additionalProperties": True}),
]
"""Any JSON object of at most 64 KiB whose `query` is the question."""


class ExecutionStart(Request):
    """What to ask the agent."""

    input_data: InputData = Field(
        description='At least `{"query": "…"}`; further fields are kept with the execution. At most 64 KiB as JSON.'
    )


class Usage(Contract):
    """What an answer cost, in tokens of its generator."""

    prompt_tokens: int = Field(description="Tokens that the generator read.")
    completion_tokens: int = Field(description="Tokens that it wrote.")


class CompletedOutput(Contract):
    """A whole answer with the sources it may cite, and what it cost."""

    answer: str = Field(description="The whole answer; [n] cites source n.")
    sources: list[Source] = Field(description="The passages that the generator was given, as they were then.")
    generator: str = Field(description="What wrote the answer.")
    usage: Usage = Field(description="What it cost.")


class PartialOutput(Contract):
    """What had been generated when an execution was stopped or failed."""

    answer: str = Field(description="What had been written.")
    sources: list[Source] = Field(description="The passages that the generator was given, as they were then.")
    partial: Literal[True] = Field(description="Always true: the answer is not whole.")


OutputData = CompletedOutput | PartialOutput


class StopReceipt(Contract):
    """When a stop was asked for, when the generator let go (null: it never said), and how much had been written."""

    requested_at: UtcTime = Field(description="When the stop was asked for.")
    acknowledged_at: UtcTime | None = Field(description="When the generator had let go; null: it never said.")
    characters: int = Field(description="How much had been written, in code points.")


class Execution(Contract):
    """One run of an agent. `stage` and `partial_answer` are read from the live execution, one at a time."""

    id: UUID = Field(description="The execution's id, and its workflow's in Temporal.")
    agent_id: UUID = Field(description="The agent that was asked.")
    status: ExecutionStatus = Field(description="The last three are final.")
    stage: Stage | None = Field(
        description="What it does now; null in lists, and when it does not run or nobody can tell."
    )
    input_data: JsonObject = Field(description="What was asked, as it was sent.")
    output_data: OutputData | None = Field(
        description="The answer, or the part of it that had been written; null: none."
    )
    error_message: str | None = Field(description="Why it failed; null: it did not.")
    retry_of: UUID | None = Field(description="The execution whose input this one repeats.")
    created_at: UtcTime = Field(description="When the start was accepted.")
    started_at: UtcTime | None = Field(description="When its workflow began.")
    completed_at: UtcTime | None = Field(description="When it ended.")
    temporal_url: str | None = Field(description="Its page in Temporal Web; null once Temporal has forgotten it.")
    partial_answer: str | None = Field(
        default=None, exclude_if=lambda answer: answer is None, description="The answer so far, while it runs."
    )


class PinnedSource(Contract):
    """A source as it was cited, and its document as it is now (null when it is gone)."""

    source: Source = Field(description="The source as it was cited.")
    document: Document | None = Field(description="Its document as it is now; null: it is gone.")
    passage: Passage | None = Field(
        default=None, description="The cited passage in its place in the document; null: it is not there any more."
    )
    state: Literal["unchanged", "changed", "gone"] = Field(
        description="Whether the cited passage is still in the document."
    )
