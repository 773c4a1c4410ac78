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


class Envelope(Contract):
    """What all events have; `sequence` starts at 1 and grows by exactly 1."""

    execution_id: UUID
    agent_id: UUID
    sequence: int
    timestamp: UtcTime


class ExecutionStarted(Envelope):
    """The start was accepted; always the first event."""

    type: Literal["execution_started"] = "execution_started"
    input_data: JsonObject


class ProgressContent(Contract):
    """Where the execution is; a failed attempt adds its number, its error and when it goes on."""

    stage: Stage
    message: str
    attempt: int | None = Field(default=None, exclude_if=_absent)
    error: str | None = Field(default=None, exclude_if=_absent)
    retry_in_seconds: float | None = Field(default=None, exclude_if=_absent)


class StepContent(Contract):
    """Something that was done, and what it found."""

    step: str
    message: str
    passages: list[Source] | None = Field(default=None, exclude_if=_absent)


class DeltaContent(Contract):
    """A piece of the answer; the answer so far is `answer[:offset] + text`, counted in code points."""

    offset: int
    text: str


class MessageContent(Contract):
    """The whole answer."""

    text: str


class AgentEventEnvelope(Envelope):
    """What all agent events have."""

    type: Literal["agent_event"] = "agent_event"


class Progress(AgentEventEnvelope):
    """The execution moves on, or says why it waits."""

    event_type: Literal["progress"] = "progress"
    content: ProgressContent


class Step(AgentEventEnvelope):
    """A step was done."""

    event_type: Literal["step"] = "step"
    content: StepContent


class Delta(AgentEventEnvelope):
    """The answer grew, or starts over."""

    event_type: Literal["delta"] = "delta"
    content: DeltaContent


class Message(AgentEventEnvelope):
    """The answer is whole."""

    event_type: Literal["message"] = "message"
    content: MessageContent


class ExecutionCompleted(Envelope):
    """The execution ended with an answer."""

    type: Literal["execution_completed"] = "execution_completed"
    output_data: CompletedOutput


class ExecutionError(Envelope):
    """The execution failed; `output_data` is what had been generated."""

    type: Literal["execution_error"] = "execution_error"
    message: str
    code: str
    output_data: PartialOutput | None


class ExecutionStopped(Envelope):
    """The execution was stopped; `output_data` is what had been generated."""

    type: Literal["execution_stopped"] = "execution_stopped"
    message: str
    output_data: PartialOutput | None
    stop: StopReceipt


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

    items: list[ExecutionEvent]
    next_after: int | None
