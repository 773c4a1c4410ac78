"""The generator interface: from a question and passages to an answer, streamed until it is complete or stopped."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeAlias

from starlette import status

from dynavera.contracts.executions import FinishReason, Usage
from dynavera.contracts.mcp import GivenPassage
from dynavera.web.errors import Refused


class GeneratorRefused(Refused):
    """The model's server refuses this request."""

    code: ClassVar[str] = "generator_refused"


class GeneratorAway(Refused):
    """The model's server is unreachable or busy, or the connection was lost; a retry can help."""

    code: ClassVar[str] = "generator_away"
    status: ClassVar[int] = status.HTTP_503_SERVICE_UNAVAILABLE

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class GeneratorSilent(GeneratorAway):
    """The model exceeded the time limit for its first or next token; a retry can help."""

    code: ClassVar[str] = "generator_silent"


class GeneratorDied(GeneratorAway):
    """The model's process ended unexpectedly; a few retries can help."""

    code: ClassVar[str] = "generator_died"


class GeneratorGarbled(GeneratorAway):
    """The model's server sent an invalid chunk; a few retries can help."""

    code: ClassVar[str] = "generator_garbled"


class GeneratorFailed(GeneratorAway):
    """The model's server failed, or ended before it answered; a few retries can help."""

    code: ClassVar[str] = "generator_failed"


class EmptyAnswer(Refused):
    """The model's answer is empty."""

    code: ClassVar[str] = "empty_answer"


class AnswerTooLarge(Refused):
    """The answer exceeds the size limit."""

    code: ClassVar[str] = "answer_too_large"


@dataclass(frozen=True)
class GeneratorInput:
    """The question, the passages to answer from, and the parameters; `prefix` is the text of an earlier attempt."""

    query: str
    passages: Sequence[GivenPassage]
    instructions: str
    max_tokens: int
    temperature: float
    prefix: str = ""


@dataclass(frozen=True)
class TextDelta:
    """More of the answer, which is now `answer[:offset] + text`; at first, `answer` is the prefix.

    Offset 0 after the first delta means that what came before was not the answer.
    """

    offset: int
    text: str


@dataclass(frozen=True)
class StatusNote:
    """A note for people beside the text, such as why there is none yet."""

    message: str


@dataclass(frozen=True)
class Finished:
    """The answer is complete; always the last item."""

    finish_reason: FinishReason
    usage: Usage
    reasoning: str = ""
    refusal: str = ""
    calls_tool: bool = False


GenerationItem: TypeAlias = TextDelta | StatusNote | Finished


class Generator(Protocol):
    """Writes answers; closing the stream, or cancelling its consumer, stops the model at once."""

    @property
    def name(self) -> str:
        """The name in settings and agents."""
        ...

    def stream(self, inputs: GeneratorInput) -> AsyncGenerator[GenerationItem]:
        """The answer in deltas: the first at offset 0 or at the end of the prefix, each next one after the last.

        Raises:
            Refused: there is no answer, or no more of it; the message says why.
        """
        ...
