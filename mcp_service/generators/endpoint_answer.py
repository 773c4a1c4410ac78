"""An answer streamed by an endpoint: its chunks, their offsets, and the token usage."""

from collections.abc import Iterator

from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel, ValidationError

from dynavera.contracts.executions import Usage
from mcp_service.generators.generator import FinishReason, TextDelta
from mcp_service.tokens import estimate_tokens

PROBE_LENGTH = 24
"""Code points that are compared before an answer is accepted as a continuation."""


class DoesNotContinue(Exception):
    """The endpoint does not continue the text of an earlier attempt: it refuses to, or starts over."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The endpoint of {name!r} does not continue an answer; asking again without the prefix.")


class NotAnAnswer(Exception):
    """The endpoint sent something that is not a chunk of an answer."""


class _Delta(BaseModel):
    content: str | None


class _Choice(BaseModel):
    delta: _Delta
    finish_reason: str | None


class _Chunk(BaseModel):
    choices: list[_Choice]
    usage: Usage | None


def check_chunk(chunk: object) -> None:
    """Validate `chunk`, which the library builds from any JSON.

    Raises:
        NotAnAnswer: it is not a chunk of an answer.
    """
    try:
        _Chunk.model_validate(chunk, from_attributes=True)
    except ValidationError as error:
        raise NotAnAnswer from error


class EndpointAnswer:
    """Turns the chunks of an answer into deltas with offsets.

    Asked to continue after `kept`, some endpoints do and some start over. `kept` is the prefix up to its last whole
    word: a continuation then begins with a space or punctuation, an answer that starts over like the prefix or with a
    capital letter; in the middle of a word, "NIRS" could be either. A few characters are held back until it is decided.
    """

    def __init__(self, name: str, prefix: str) -> None:
        kept = _whole_words(prefix)
        # A shorter text cannot be distinguished from a new answer, and costs little to write again.
        self.kept = kept if len(kept.strip()) >= PROBE_LENGTH else ""
        self.finish_reason: FinishReason | None = None
        self.has_started = bool(prefix)
        self._name = name
        self._prefix = prefix
        self._counted: Usage | None = None
        self._chunks = 0
        self._held = ""
        self._offset: int | None = None if self.kept else 0

    def deltas(self, chunk: ChatCompletionChunk) -> Iterator[TextDelta]:
        """The text that is decided with this chunk.

        Raises:
            DoesNotContinue: it is a new answer.
        """
        self.has_started = True
        if chunk.usage is not None:
            self._counted = Usage(
                prompt_tokens=chunk.usage.prompt_tokens, completion_tokens=chunk.usage.completion_tokens
            )
        for choice in chunk.choices:
            if choice.delta.content:
                self._held += choice.delta.content
                self._chunks += 1
            if choice.finish_reason is not None:
                self.finish_reason = "length" if choice.finish_reason == "length" else "stop"
        if self._offset is not None or len(self._held) >= max(PROBE_LENGTH, len(self._prefix) - len(self.kept)):
            yield from self.flush()

    def flush(self) -> Iterator[TextDelta]:
        """The text that is still held back.

        Raises:
            DoesNotContinue: it is a new answer.
        """
        if self._offset is None:
            self._offset, self._held = self._place()
        if self._held:
            delta = TextDelta(self._offset, self._held)
            self._offset += len(self._held)
            self._held = ""
            yield delta

    def usage(self, prompt_tokens: int) -> Usage:
        """The usage of the whole answer, including the text that it continues.

        The endpoint counts what it wrote itself, and `kept` as part of its prompt; the tokens of the earlier attempt
        are added as an estimate. `prompt_tokens` is the estimate for an endpoint that does not report usage.
        """
        own = self._counted or Usage(prompt_tokens=prompt_tokens, completion_tokens=self._chunks)
        return Usage(
            prompt_tokens=own.prompt_tokens, completion_tokens=estimate_tokens(self.kept) + own.completion_tokens
        )

    def _place(self) -> tuple[int, str]:
        """The offset of the text that is held back, and the part of it that is new."""
        if _starts_over(self.kept, self._held):
            raise DoesNotContinue(self._name)
        whole = self.kept + self._held
        if whole.startswith(self._prefix):
            return len(self._prefix), whole[len(self._prefix) :]
        # It continues `kept`, but differently from the prefix.
        return 0, whole


def _whole_words(prefix: str) -> str:
    """`prefix` up to the end of its last whole word, without the white space after it."""
    stripped = prefix.rstrip()
    if stripped != prefix or not prefix:
        return stripped
    return prefix[: -len(prefix.rsplit(maxsplit=1)[-1])].rstrip()


def _starts_over(kept: str, beginning: str) -> bool:
    if kept.lstrip()[:PROBE_LENGTH] == beginning.lstrip()[:PROBE_LENGTH]:
        return True
    return beginning[:1].isupper()
