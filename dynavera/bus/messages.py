"""The messages on the event bus, and their text: a line of JSON, then one line per event."""

from dataclasses import dataclass, field
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError

from dynavera.contracts.contract import Contract
from dynavera.contracts.events import LogEntry


class Accepted(Contract):
    """An execution of this agent was accepted."""

    kind: Literal["accepted"] = "accepted"
    agent_id: UUID


class Written(Contract):
    """A generator has written `text` at `offset`, in code points; it is not in the log yet."""

    kind: Literal["written"] = "written"
    execution_id: UUID
    offset: int
    text: str


class _Head(Contract):
    kind: Literal["appended"] = "appended"
    execution_id: UUID


@dataclass(frozen=True)
class Appended:
    """Entries were appended to a log; without `entries`, only that there are new ones."""

    execution_id: UUID
    entries: list[LogEntry] = field(default_factory=list[LogEntry])


BusMessage = Appended | Accepted | Written
_first_line: TypeAdapter[_Head | Accepted | Written] = TypeAdapter(
    Annotated[_Head | Accepted | Written, Field(discriminator="kind")]
)


def encode(message: BusMessage) -> str:
    """The text of a message. JSON has no line breaks."""
    if isinstance(message, Appended):
        head = _Head(execution_id=message.execution_id)
        return "\n".join([head.model_dump_json(), *(entry.json for entry in message.entries)])
    return message.model_dump_json()


def decode(text: str) -> BusMessage | None:
    """The message with this text; None if it is not one, such as that of a newer version."""
    first, *lines = text.split("\n")
    try:
        message = _first_line.validate_json(first)
        if isinstance(message, _Head):
            return Appended(message.execution_id, [LogEntry.parse(line) for line in lines])
    except ValidationError:
        return None
    return message
