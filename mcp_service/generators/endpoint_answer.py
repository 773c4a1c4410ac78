"""An answer as an endpoint streams it: what is a chunk of one, where its pieces belong, and what it cost."""

from collections.abc import Iterator

from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel, ValidationError

from dynavera.contracts.executions import Usage
from mcp_service.generators.generator import FinishReason, Piece
from mcp_service.tokens import tokens_in

RECOGNISED = 24
"""Code points of a continued answer that are looked at before it is believed to be a continuation."""


class NotContinued(Exception):
    """The endpoint does not go on where an earlier attempt ended: it refuses to, or answers anew."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The endpoint of {name!r} does not go on with an answer; it is asked for it anew.")


class NotAnAnswer(Exception):
    """What the endpoint sent is no answer, or no part of one."""


class _Delta(BaseModel):
    content: str | None


class _Choice(BaseModel):
    delta: _Delta
    finish_reason: str | None


class _Chunk(BaseModel):
    choices: list[_Choice]
    usage: Usage | None


def check_chunk(chunk: object) -> None:
    """Make sure that `chunk` is what is read here: the library builds one from any JSON.

    Raises:
        NotAnAnswer: it is something else.
    """
    try:
        _Chunk.model_validate(chunk, from_attributes=True)
    except ValidationError as error:
        raise NotAnAnswer from error


class EndpointAnswer:
    """What has come of an answer, and where it belongs.

    Asked to go on after `kept`, some endpoints do and some answer anew. `kept` is the prefix up to its last whole
    word: what goes on after a word begins with a space or a mark, and an answer anew like the prefix did or with a
    capital letter; in the middle of a word "NIRS" could be either. A few characters are held back until it is seen.
    """

    def __init__(self, name: str, prefix: str) -> None:
        kept = _whole_words(prefix)
        # What is shorter cannot be told from an answer anew, and is soon written again.
        self.kept = kept if len(kept.strip()) >= RECOGNISED else ""
        self.finish_reason: FinishReason | None = None
        self.has_begun = bool(prefix)
        self._name = name
        self._prefix = prefix
        self._counted: Usage | None = None
        self._chunks = 0
        self._held = ""
        self._offset: int | None = None if self.kept else 0

    def pieces(self, chunk: ChatCompletionChunk) -> Iterator[Piece]:
        """What of the answer is sure with this chunk.

        Raises:
            NotContinued: it is another answer.
        """
        self.has_begun = True
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
        if self._offset is not None or len(self._held) >= max(RECOGNISED, len(self._prefix) - len(self.kept)):
            yield from self.last_pieces()

    def last_pieces(self) -> Iterator[Piece]:
        """What was still held back.

        Raises:
            NotContinued: it is another answer.
        """
        if self._offset is None:
            self._offset, self._held = self._recognised()
        if self._held:
            piece = Piece(self._offset, self._held)
            self._offset += len(self._held)
            self._held = ""
            yield piece

    def usage(self, prompt_tokens: int) -> Usage:
        """What the whole answer cost, what it went on after included.

        The endpoint counts what it wrote itself, and what is kept as a part of its prompt; the tokens that an earlier
        attempt wrote are added by estimate. `prompt_tokens` is the estimate for an endpoint that does not count.
        """
        own = self._counted or Usage(prompt_tokens=prompt_tokens, completion_tokens=self._chunks)
        return Usage(prompt_tokens=own.prompt_tokens, completion_tokens=tokens_in(self.kept) + own.completion_tokens)

    def _recognised(self) -> tuple[int, str]:
        """Where what is held belongs, and what of it is new."""
        if _answers_anew(self.kept, self._held):
            raise NotContinued(self._name)
        whole = self.kept + self._held
        if whole.startswith(self._prefix):
            return len(self._prefix), whole[len(self._prefix) :]
        # It goes on after `kept`, but otherwise than before.
        return 0, whole


def _whole_words(prefix: str) -> str:
    """`prefix` up to the end of its last word that is surely whole, without the white space after it."""
    stripped = prefix.rstrip()
    if stripped != prefix or not prefix:
        return stripped
    return prefix[: -len(prefix.rsplit(maxsplit=1)[-1])].rstrip()


def _answers_anew(kept: str, beginning: str) -> bool:
    if kept.lstrip()[:RECOGNISED] == beginning.lstrip()[:RECOGNISED]:
        return True
    return beginning[:1].isupper()
