"""What a generator is: given a question and passages, it writes an answer piece by piece until it is told to stop."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeAlias

from starlette import status

from dynavera.contracts.executions import Usage
from dynavera.contracts.mcp import GivenPassage
from mcp_service.refusals import Refused

FinishReason = Literal["stop", "length"]


class UnknownGenerator(Refused):
    """No generator has this name."""

    code: ClassVar[str] = "unknown_generator"


class GeneratorUnavailable(Refused):
    """The generator is known, and cannot be used here."""

    code: ClassVar[str] = "generator_unavailable"


class GeneratorRefused(Refused):
    """The model's server says no to this request."""

    code: ClassVar[str] = "generator_refused"


class GeneratorAway(Refused):
    """The model's server cannot be reached, is busy, or broke off: trying again can help."""

    code: ClassVar[str] = "generator_away"
    status: ClassVar[int] = status.HTTP_503_SERVICE_UNAVAILABLE
    retryable: ClassVar[bool] = True

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class GeneratorSilent(GeneratorAway):
    """The model has not written anything for longer than it may: it is given up, and trying again can help."""

    code: ClassVar[str] = "generator_silent"


class GeneratorDied(GeneratorAway):
    """The process of the model ended in the middle of its work: trying again can help, but not for ever."""

    code: ClassVar[str] = "generator_died"


class GeneratorGarbled(GeneratorAway):
    """The model's server sent what is no part of an answer: trying again can help, but not for ever."""

    code: ClassVar[str] = "generator_garbled"


class AnswerTooLarge(Refused):
    """The answer grew larger than an answer may be."""

    code: ClassVar[str] = "answer_too_large"


@dataclass(frozen=True)
class Ask:
    """What to answer, from what, and how; `prefix` is what an earlier attempt has written already."""

    query: str
    passages: Sequence[GivenPassage]
    instructions: str
    max_tokens: int
    temperature: float
    prefix: str = ""


@dataclass(frozen=True)
class Piece:
    """More of the answer: the answer so far is `answer[:offset] + text`, `answer` being the prefix at first."""

    offset: int
    text: str


@dataclass(frozen=True)
class Waiting:
    """What people are told beside the text: why there is none yet, or what was left out of it."""

    message: str


@dataclass(frozen=True)
class Ending:
    """The answer is whole; always the last thing."""

    finish_reason: FinishReason
    usage: Usage


Told: TypeAlias = Piece | Waiting | Ending


class Generator(Protocol):
    """Writes answers; closing the stream, or cancelling who reads it, stops the model at once."""

    @property
    def name(self) -> str:
        """What the settings and agents call it."""
        ...

    def stream(self, ask: Ask) -> AsyncGenerator[Told]:
        """The answer, piece by piece: the first at offset 0 or at the end of the prefix, each next after the last.

        Raises:
            Refused: there is no answer, or no more of it, and why.
        """
        ...
