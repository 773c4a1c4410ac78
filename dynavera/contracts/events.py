"""The events of an execution's log: the same objects from the workflow to every client."""

from typing import Annotated, Any, Literal, NamedTuple, Self, TypeAlias
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter
from pydantic.config import JsonDict

from dynavera.contracts.contract import Contract, JsonObject, UtcTime
from dynavera.contracts.documents import Source
from dynavera.contracts.executions import CompletedOutput, PartialOutput, Stage, StopReceipt


def _absent(value: object) -> bool:
    return value is None


def _without_mapping(schema: JsonDict) -> None:
    # `agent_event` maps to a nested union, which OpenAPI's discriminator cannot express.
    schema.pop("discriminator", None)


MAX_SEQUENCE = 2**31 - 1
"""The maximum of an integer column."""


class Envelope(Contract):
    """The fields of all events; `sequence` starts at 1 and increases by exactly 1."""

    execution_id: UUID = Field(description="The execution's id.")
    agent_id: UUID = Field(description="The id of the execution's agent.")
    sequence: int = Field(description="The event's position in the log, from 1, without gaps.")
    timestamp: UtcTime = Field(description="When it happened.")


class ExecutionStarted(Envelope):
    """The start was accepted; always the first event."""

    type: Literal["execution_started"] = "execution_started"
    input_data: JsonObject = Field(description="The input, as it was sent.")


class ProgressContent(Contract):
    """The stage of the execution; after a failed attempt also its number, its error and the delay."""

    stage: Stage = Field(description="The stage of the execution.")
    message: str = Field(description="The stage as a sentence.")
    attempt: int | None = Field(default=None, exclude_if=_absent, description="The number of the attempt that failed.")
    error: str | None = Field(default=None, exclude_if=_absent, description="The error of that attempt.")
    retry_in_seconds: float | None = Field(
        default=None, exclude_if=_absent, description="The delay until the next attempt."
    )


class StepContent(Contract):
    """A finished step and its result."""

    step: str = Field(description="The step, as a stable code.")
    message: str = Field(description="The step, as a sentence.")
    passages: list[Source] | None = Field(default=None, exclude_if=_absent, description="The passages that were found.")


class DeltaContent(Contract):
    """A piece of the answer; the answer so far is `answer[:offset] + text`, counted in code points."""

    offset: int = Field(description="The position of `text` in code points; it replaces everything after it.")
    text: str = Field(description="The piece.")


class MessageContent(Contract):
    """The whole answer."""

    text: str = Field(description="The whole answer.")


class AgentEventEnvelope(Envelope):
    """The fields of all agent events."""

    type: Literal["agent_event"] = "agent_event"


class Progress(AgentEventEnvelope):
    """The execution entered a stage, or waits for the next attempt."""

    event_type: Literal["progress"] = "progress"
    content: ProgressContent = Field(description="The stage of the execution.")


class Step(AgentEventEnvelope):
    """A step is finished."""

    event_type: Literal["step"] = "step"
    content: StepContent = Field(description="The step.")


class Delta(AgentEventEnvelope):
    """The answer grew, or started over."""

    event_type: Literal["delta"] = "delta"
    content: DeltaContent = Field(description="The piece and its position.")


class Message(AgentEventEnvelope):
    """The answer is complete."""

    event_type: Literal["message"] = "message"
    content: MessageContent = Field(description="The complete answer.")


class ExecutionCompleted(Envelope):
    """The execution ended with an answer."""

    type: Literal["execution_completed"] = "execution_completed"
    output_data: CompletedOutput = Field(description="The answer, its sources and its usage.")


class ExecutionError(Envelope):
    """The execution failed; `output_data` is the partial answer."""

    type: Literal["execution_error"] = "execution_error"
    message: str = Field(description="The error, as a sentence.")
    code: str = Field(description="The error, as a stable code.")
    output_data: PartialOutput | None = Field(description="The partial answer; null if there is none.")


class ExecutionStopped(Envelope):
    """The execution was stopped; `output_data` is the partial answer."""

    type: Literal["execution_stopped"] = "execution_stopped"
    message: str = Field(description="How it was stopped, as a sentence.")
    output_data: PartialOutput | None = Field(description="The partial answer; null if there is none.")
    stop: StopReceipt = Field(description="When the stop was requested and confirmed.")


AgentEvent: TypeAlias = Annotated[Progress | Step | Delta | Message, Field(discriminator="event_type")]
TerminalEvent: TypeAlias = ExecutionCompleted | ExecutionError | ExecutionStopped
ExecutionEvent: TypeAlias = Annotated[
    ExecutionStarted | AgentEvent | ExecutionCompleted | ExecutionError | ExecutionStopped,
    Field(discriminator="type", json_schema_extra=_without_mapping),
]
AgentContent: TypeAlias = ProgressContent | StepContent | DeltaContent | MessageContent

execution_event: TypeAdapter[ExecutionEvent] = TypeAdapter(ExecutionEvent)


def agent_event(content: AgentContent, **envelope: Any) -> AgentEvent:
    """The event with this `content`; `envelope` has the fields of `Envelope`."""
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
    """Whether `event` is the last one."""
    return isinstance(event, ExecutionCompleted | ExecutionError | ExecutionStopped)


class Preview(Contract):
    """What the model says, before it is in the log; it has no sequence, is never stored, and may be missing."""

    type: Literal["preview"] = "preview"
    execution_id: UUID
    agent_id: UUID
    offset: int
    text: str


class _Head(BaseModel):
    sequence: int
    type: str


_head: TypeAdapter[_Head] = TypeAdapter(_Head)
_TERMINAL_TYPES = frozenset({"execution_completed", "execution_error", "execution_stopped"})


class LogEntry(NamedTuple):
    """An event as it is stored and sent: its JSON is made once, for the records and for all viewers."""

    sequence: int
    json: str
    is_terminal: bool

    @classmethod
    def of(cls, event: ExecutionEvent) -> Self:
        """The entry of an event."""
        return cls(event.sequence, event.model_dump_json(), is_terminal(event))

    @classmethod
    def parse(cls, json: str) -> Self:
        """The entry with this JSON.

        Raises:
            ValidationError: it is not an event.
        """
        head = _head.validate_json(json)
        return cls(head.sequence, json, head.type in _TERMINAL_TYPES)

    @property
    def event(self) -> ExecutionEvent:
        """The event, parsed from its JSON."""
        return execution_event.validate_json(self.json)


class EventPage(Contract):
    """Part of an event log."""

    items: list[ExecutionEvent] = Field(description="The events, in order.")
    next_after: int | None = Field(description="The value of `after` for the next part; null at the end.")
