"""The one event log of an execution: what the workflow writes is what every reader reads."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, TypeAdapter
from pydantic.config import JsonDict

from dynavera.contracts.contract import Contract, JsonObject, UtcTime
from dynavera.contracts.documents import Source
from dynavera.contracts.executions import CompletedOutput, PartialOutput, Stage, StopReceipt


def _absent(value: object) -> bool:
    return value is None


def _without_mapping(schema: JsonDict) -> None:
    # `agent_event` maps to a union of its own, which OpenAPI's discriminator cannot say.
    schema.pop("discriminator", None)


LARGEST_SEQUENCE = 2**31 - 1
"""What every database can compare with."""


class Envelope(Contract):
    """What all events have; `sequence` starts at 1 and grows by exactly 1."""

    execution_id: UUID = Field(description="The execution that this happened in.")
    agent_id: UUID = Field(description="The execution's agent.")
    sequence: int = Field(description="The event's place in the log, from 1 on, without a gap.")
    timestamp: UtcTime = Field(description="When it happened.")


class ExecutionStarted(Envelope):
    """The start was accepted; always the first event."""

    type: Literal["execution_started"] = "execution_started"
    input_data: JsonObject = Field(description="What was asked, as it was sent.")


class ProgressContent(Contract):
    """Where the execution is; a failed attempt adds its number, its error and when it goes on."""

    stage: Stage = Field(description="Where the execution is.")
    message: str = Field(description="The same in words.")
    attempt: int | None = Field(default=None, exclude_if=_absent, description="The number of the attempt that failed.")
    error: str | None = Field(default=None, exclude_if=_absent, description="Why it failed.")
    retry_in_seconds: float | None = Field(
        default=None, exclude_if=_absent, description="When the next attempt begins."
    )


class StepContent(Contract):
    """Something that was done, and what it found."""

    step: str = Field(description="What was done, for programs.")
    message: str = Field(description="What was done, in words.")
    passages: list[Source] | None = Field(default=None, exclude_if=_absent, description="The passages that were found.")


class DeltaContent(Contract):
    """A piece of the answer; the answer so far is `answer[:offset] + text`, counted in code points."""

    offset: int = Field(description="Where `text` goes: what was behind it is replaced. In code points.")
    text: str = Field(description="The piece.")


class MessageContent(Contract):
    """The whole answer."""

    text: str = Field(description="The whole answer.")


class AgentEventEnvelope(Envelope):
    """What all agent events have."""

    type: Literal["agent_event"] = "agent_event"


class Progress(AgentEventEnvelope):
    """The execution moves on, or says why it waits."""

    event_type: Literal["progress"] = "progress"
    content: ProgressContent = Field(description="Where the execution is.")


class Step(AgentEventEnvelope):
    """A step was done."""

    event_type: Literal["step"] = "step"
    content: StepContent = Field(description="What was done.")


class Delta(AgentEventEnvelope):
    """The answer grew, or starts over."""

    event_type: Literal["delta"] = "delta"
    content: DeltaContent = Field(description="The piece, and where it goes.")


class Message(AgentEventEnvelope):
    """The answer is whole."""

    event_type: Literal["message"] = "message"
    content: MessageContent = Field(description="The answer, as it ended.")


class ExecutionCompleted(Envelope):
    """The execution ended with an answer."""

    type: Literal["execution_completed"] = "execution_completed"
    output_data: CompletedOutput = Field(description="The answer, its sources, and what it cost.")


class ExecutionError(Envelope):
    """The execution failed; `output_data` is what had been generated."""

    type: Literal["execution_error"] = "execution_error"
    message: str = Field(description="Why it failed, in words.")
    code: str = Field(description="Why it failed, for programs.")
    output_data: PartialOutput | None = Field(description="What had been written; null: nothing.")


class ExecutionStopped(Envelope):
    """The execution was stopped; `output_data` is what had been generated."""

    type: Literal["execution_stopped"] = "execution_stopped"
    message: str = Field(description="How it was stopped, in words.")
    output_data: PartialOutput | None = Field(description="What had been written; null: nothing.")
    stop: StopReceipt = Field(description="When the stop was asked for, and when it arrived.")


AgentEvent: TypeAlias = Annotated[Progress | Step | Delta | Message, Field(discriminator="event_type")]
TerminalEvent: TypeAlias = ExecutionCompleted | ExecutionError | ExecutionStopped
ExecutionEvent: TypeAlias = Annotated[
    ExecutionStarted | AgentEvent | ExecutionCompleted | ExecutionError | ExecutionStopped,
    Field(discriminator="type", json_schema_extra=_without_mapping),
]
AgentContent: TypeAlias = ProgressContent | StepContent | DeltaContent | MessageContent

execution_event: TypeAdapter[ExecutionEvent] = TypeAdapter(ExecutionEvent)


def agent_event(content: AgentContent, **envelope: Any) -> AgentEvent:
    """The event that carries `content`; `envelope` has the fields of `Envelope`."""
    match content:
        case ProgressContent():
            return Progress(content=content, **envelope)
        case StepContent():
            return Step(content=content, **envelope)
        case DeltaContent():
            return Delta(content=content, **envelope)
        case MessageContent():
            return Message(content=content, **envelope)


def is_terminal(event: ExecutionEvent) -> bool:
    """Whether nothing follows `event`."""
    return isinstance(event, ExecutionCompleted | ExecutionError | ExecutionStopped)


def grown(answer: str, delta: DeltaContent) -> str:
    """The answer with one more piece."""
    return answer[: delta.offset] + delta.text


def partial_output(events: Iterable[ExecutionEvent]) -> PartialOutput | None:
    """What an execution with this log had written when it ended without an answer; None for nothing at all."""
    answer = ""
    sources: list[Source] = []
    for event in events:
        match event:
            case Delta():
                answer = grown(answer, event.content)
            case Step() if event.content.passages is not None:
                sources = event.content.passages
            case _:
                pass
    return PartialOutput(answer=answer, sources=sources, partial=True) if answer else None


class EventPage(Contract):
    """Part of an event log; `next_after` is null when that is all there is now."""

    items: list[ExecutionEvent] = Field(description="The events, in order.")
    next_after: int | None = Field(description="Where to go on; null: that is all there is now.")
