"""Executions: runs of an agent, from the question to the answer."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, TypeAdapter

from dynavera.contracts.contract import NOT_BLANK, Contract, JsonObject, Request, SchemaExtra, UtcTime
from dynavera.contracts.documents import Document, Passage, Source
from dynavera.contracts.feedback import Feedback

MAX_INPUT_BYTES = 64 * 1024
"""The size of an execution's input as JSON in UTF-8."""

ExecutionStatus = Literal["queued", "running", "completed", "failed", "stopped"]
FinalStatus = Literal["completed", "failed", "stopped"]
LIVE: tuple[ExecutionStatus, ...] = ("queued", "running")
Stage = Literal["initializing", "retrieving", "generating", "saving"]

_json_object = TypeAdapter(dict[str, object])


def _check_input(input_data: JsonObject) -> JsonObject:
    size = len(_json_object.dump_json(input_data))
    if size > MAX_INPUT_BYTES:
        raise ValueError(f"must be at most {MAX_INPUT_BYTES} bytes as JSON, and is {size}")
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
    "maxLength": MAX_INPUT_BYTES - len('{"query":""}'),
    "pattern": NOT_BLANK,
    "description": "The question.",
}
"""The JSON schema of `query`, whose maximum is that of the whole input minus the surrounding JSON."""

InputData = Annotated[
    JsonObject,
    AfterValidator(_check_input),
    SchemaExtra({"properties": {"query": QUESTION}, "required": ["query"], "additionalProperties": True}),
]
"""Any JSON object of at most 64 KiB whose `query` is the question."""


class ExecutionStart(Request):
    """The input of an execution."""

    input_data: InputData = Field(
        description='At least `{"query": "…"}`; other fields are stored with the execution. At most 64 KiB as JSON.'
    )


class Usage(Contract):
    """The tokens that an answer took."""

    prompt_tokens: int = Field(description="Tokens that the generator read.")
    completion_tokens: int = Field(description="Tokens that the generator wrote.")


FinishReason = Literal["stop", "length", "content_filter"]
"""Why a generator ended its answer: it was complete, too long, or filtered."""


class CompletedOutput(Contract):
    """A complete answer with its sources and usage."""

    answer: str = Field(description="The complete answer; [n] cites source n.")
    sources: list[Source] = Field(description="The generator's passages, with their text at that time.")
    generator: str = Field(description="The generator of the answer.")
    usage: Usage = Field(description="The tokens that it took.")
    finish_reason: FinishReason = Field(
        default="stop", description="Why it ended: `length` if it was cut off at `max_tokens`."
    )
    reasoning: str | None = Field(
        default=None,
        exclude_if=lambda reasoning: not reasoning,
        description="The model's reasoning before its answer.",
    )
    cites_no_source: bool = Field(
        default=False,
        exclude_if=lambda cites_none: not cites_none,
        description="Whether a model had passages, and its answer cites none of them.",
    )


class PartialOutput(Contract):
    """The partial answer of an execution that was stopped or failed."""

    answer: str = Field(description="The partial answer.")
    sources: list[Source] = Field(description="The generator's passages, with their text at that time.")
    partial: Literal[True] = Field(description="Always true: the answer is incomplete.")


OutputData = CompletedOutput | PartialOutput


class StopReceipt(Contract):
    """When a stop was requested and confirmed, and how much of the answer exists."""

    requested_at: UtcTime = Field(description="When the stop was requested.")
    acknowledged_at: UtcTime | None = Field(description="When the generator confirmed the stop; null if it did not.")
    characters: int = Field(description="The length of the partial answer in code points.")


class Execution(Contract):
    """One run of an agent. `stage` and `partial_answer` are only set when a single live execution is read."""

    id: UUID = Field(description="The execution's id, also of its workflow in Temporal.")
    agent_id: UUID = Field(description="The agent's id.")
    status: ExecutionStatus = Field(description="`completed`, `failed` and `stopped` are final.")
    stage: Stage | None = Field(
        description="The current stage; null in lists, and if it does not run or the stage is unknown."
    )
    input_data: JsonObject = Field(description="The input, as it was sent.")
    output_data: OutputData | None = Field(description="The answer or partial answer; null if there is none.")
    error_message: str | None = Field(description="Why it failed; null if it did not.")
    retry_of: UUID | None = Field(description="The execution that this one retries with the same input.")
    created_at: UtcTime = Field(description="When the start was accepted.")
    started_at: UtcTime | None = Field(description="When its workflow started.")
    completed_at: UtcTime | None = Field(description="When it ended.")
    temporal_url: str | None = Field(description="Its page in Temporal Web; null after Temporal's retention.")
    partial_answer: str | None = Field(
        default=None, exclude_if=lambda answer: answer is None, description="The answer so far, while it runs."
    )
    feedback: Feedback | None = Field(
        default=None,
        exclude_if=lambda feedback: feedback is None,
        description="Feedback on the answer; absent if none.",
    )


class ExecutionCounts(Contract):
    """The number of executions in each status."""

    queued: int = Field(default=0, description="Accepted, not yet begun.")
    running: int = Field(default=0, description="Being worked on.")
    completed: int = Field(default=0, description="Answered.")
    failed: int = Field(default=0, description="Ended with an error.")
    stopped: int = Field(default=0, description="Ended on request.")


class PinnedSource(Contract):
    """A source as it was cited, and its document as it is now."""

    source: Source = Field(description="The source as it was cited.")
    document: Document | None = Field(description="Its document as it is now; null if it was deleted.")
    passage: Passage | None = Field(
        default=None, description="The cited passage in the document as it is now; null if it is no longer there."
    )
    state: Literal["unchanged", "changed", "gone"] = Field(
        description="Whether the cited passage is still in the document."
    )
