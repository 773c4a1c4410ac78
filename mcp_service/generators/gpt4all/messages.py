"""The messages between the service and a model's process: JSON lines over its pipes."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from dynavera.contracts.contract import Contract


class Write(Contract):
    """Write an answer that continues `prefix`; answered by `Text`s and one `Ended`."""

    kind: Literal["write"] = "write"
    number: int
    system: str
    user: str
    prefix: str
    max_tokens: int
    temperature: float


class Stop(Contract):
    """Stop the answer with this number, if it is still being written."""

    kind: Literal["stop"] = "stop"
    number: int


class Loaded(Contract):
    """The model is in memory; prompt and answer can have up to `context` tokens."""

    kind: Literal["loaded"] = "loaded"
    context: int


class Unusable(Contract):
    """The file cannot be loaded; the process ends."""

    kind: Literal["unusable"] = "unusable"
    reason: str


class Text(Contract):
    """More of the answer."""

    kind: Literal["text"] = "text"
    text: str


class Ended(Contract):
    """The answer has ended."""

    kind: Literal["ended"] = "ended"
    reason: Literal["stop", "length", "stopped", "too_long"]
    prompt_tokens: int
    completion_tokens: int


Command: TypeAlias = Annotated[Write | Stop, Field(discriminator="kind")]
Message: TypeAlias = Annotated[Loaded | Unusable | Text | Ended, Field(discriminator="kind")]

command_adapter: TypeAdapter[Write | Stop] = TypeAdapter(Command)
message_adapter: TypeAdapter[Loaded | Unusable | Text | Ended] = TypeAdapter(Message)


def encode(message: Write | Stop | Loaded | Unusable | Text | Ended) -> bytes:
    """The message as a line."""
    return message.model_dump_json().encode() + b"\n"
