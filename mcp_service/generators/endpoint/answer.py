"""An answer streamed by an endpoint: its text with offsets, its reasoning, and its usage."""

from collections.abc import Iterator

from dynavera.contracts.executions import FinishReason, Usage
from mcp_service.generators.endpoint.chunks import Chunk
from mcp_service.generators.endpoint.text import CharacterRepair, ReasoningSplitter
from mcp_service.generators.generator import Finished, TextDelta
from mcp_service.token_estimates import estimate_tokens

PROBE_LENGTH = 24
"""Code points that are compared before an answer is accepted as a continuation."""


class DoesNotContinue(Exception):
    """The endpoint does not continue the text of an earlier attempt: it refuses to, or starts over."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The endpoint of {name!r} does not continue an answer; asking again without the prefix.")


class EndpointAnswer:
    """Turns the chunks of an answer into deltas with offsets.

    `kept` is the prefix up to its last whole word, which the endpoint is asked to continue; empty if it should not. A
    continuation begins with white space. A few characters are held back until it is decided whether it is one.
    """

    def __init__(self, name: str, prefix: str, *, begins_with_reasoning: bool = False) -> None:
        self.kept = continued_part(prefix)
        self.finish_reason: FinishReason | None = None
        self.has_token = False
        self.refusal = ""
        self.calls_tool = False
        self._name = name
        self._prefix = prefix
        self._repair = CharacterRepair()
        self._splitter = ReasoningSplitter(begins_with_reasoning=begins_with_reasoning and not self.kept)
        self._reasoning = ""
        self._counted: Usage | None = None
        self._chunks = 0
        self._held = ""
        self._offset: int | None = None if self.kept else 0
        self._has_restarted = False

    @property
    def reasoning(self) -> str:
        """What the model thought before its answer."""
        return "\n\n".join(filter(None, (self._reasoning.strip(), self._splitter.reasoning.strip())))

    @property
    def lacks_opening_tag(self) -> bool:
        """Whether the model's text begins with reasoning, without a tag before it."""
        return self._splitter.restarts

    def deltas(self, chunk: Chunk) -> Iterator[TextDelta]:
        """The text that is decided with this chunk.

        Raises:
            DoesNotContinue: it is a new answer.
            BrokenOff: the server gave up.
        """
        self._counted = chunk.usage or self._counted
        self._reasoning += chunk.reasoning
        self.refusal += chunk.refusal
        self.calls_tool = self.calls_tool or chunk.calls_tool
        text = chunk.text or ("" if self._chunks else chunk.whole)
        self.has_token = self.has_token or chunk.has_token
        if text:
            self._chunks += 1
            self._add(self._splitter.feed(self._repair.feed(text)))
        self.finish_reason = chunk.finish_reason or self.finish_reason
        if self._offset is not None or len(self._held) >= max(PROBE_LENGTH, len(self._prefix) - len(self.kept)):
            yield from self._flush()

    def rest(self) -> Iterator[TextDelta]:
        """The text that is still held back at the end.

        Raises:
            DoesNotContinue: it is a new answer.
        """
        is_cut = self.finish_reason == "length"
        self._add(self._splitter.feed(self._repair.flush()) + self._splitter.flush(is_cut=is_cut))
        yield from self._flush()

    def finished(self, reason: FinishReason, prompt_tokens: int) -> Finished:
        """The end of the answer; `prompt_tokens` is the estimate for an endpoint that does not report usage."""
        return Finished(reason, self._usage(prompt_tokens), self.reasoning, self.refusal.strip(), self.calls_tool)

    def _add(self, text: str) -> None:
        if self._splitter.restarts and not self._has_restarted:
            # What came before the closing tag, in this attempt and earlier ones, was not the answer.
            self._has_restarted = True
            self._offset, self._held, self._prefix = 0, "", ""
        self._held += text

    def _flush(self) -> Iterator[TextDelta]:
        if self._offset is None:
            self._offset, self._held = self._place()
        if self._held:
            delta = TextDelta(self._offset, self._held)
            self._offset += len(self._held)
            self._held = ""
            yield delta

    def _usage(self, prompt_tokens: int) -> Usage:
        """The usage of the whole answer, including the text that it continues.

        The endpoint counts what it wrote itself, and `kept` as part of its prompt; the tokens of the earlier attempt
        are added as an estimate.
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


def continued_part(prefix: str) -> str:
    """The part of `prefix` that an endpoint is asked to continue; empty if that is not worth it."""
    kept = _whole_words(prefix)
    # A shorter text cannot be distinguished from a new answer, and costs little to write again.
    return kept if len(kept.strip()) >= PROBE_LENGTH else ""


def _whole_words(prefix: str) -> str:
    """`prefix` up to the end of its last whole word, without the white space after it."""
    stripped = prefix.rstrip()
    if stripped != prefix or not prefix:
        return stripped
    return prefix[: -len(prefix.rsplit(maxsplit=1)[-1])].rstrip()


def _starts_over(kept: str, beginning: str) -> bool:
    # In the prefix, white space follows `kept`.
    return not beginning[:1].isspace() or kept.lstrip()[:PROBE_LENGTH] == beginning.lstrip()[:PROBE_LENGTH]
