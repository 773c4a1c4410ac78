"""What the service and the process of a model say to each other: one JSON object a line, over the process's pipes."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from dynavera.contracts.contract import Contract
from mcp_service.generators.generator import FinishReason


class Write(Contract):
    """Write an answer, going on after `prefix`; answered by `Text`s and one `Ended`."""

    kind: Literal["write"] = "write"
    number: int
    system: str
    user: str
    prefix: str
    max_tokens: int
    temperature: float


class Stop(Contract):
    """Stop the answer of this number, if it is still being written."""

    kind: Literal["stop"] = "stop"
    number: int


class Loaded(Contract):
    """The model is in memory, and takes prompts of up to `context` tokens, the answer included."""

    kind: Literal["loaded"] = "loaded"
    context: int


class Unusable(Contract):
    """The file is no model that can be loaded, and why; the process ends."""

    kind: Literal["unusable"] = "unusable"
    reason: str


class Text(Contract):
    """More of the answer."""

    kind: Literal["text"] = "text"
    text: str


class Ended(Contract):
    """The answer has ended."""

    kind: Literal["ended"] = "ended"
    reason: FinishReason | Literal["stopped", "too_long"]
    prompt_tokens: int
    completion_tokens: int


Order: TypeAlias = Annotated[Write | Stop, Field(discriminator="kind")]
Said: TypeAlias = Annotated[Loaded | Unusable | Text | Ended, Field(discriminator="kind")]

order: TypeAdapter[Write | Stop] = TypeAdapter(Order)
said: TypeAdapter[Loaded | Unusable | Text | Ended] = TypeAdapter(Said)


def line(message: Write | Stop | Loaded | Unusable | Text | Ended) -> bytes:
    """The message as it goes over the pipe."""
    return message.model_dump_json().encode() + b"\n"
