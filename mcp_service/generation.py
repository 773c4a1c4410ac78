"""One generation from start to end: its generator, its operation id, its limits."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import anyio

from dynavera.contracts.executions import Usage
from dynavera.contracts.mcp import MAX_ANSWER_BYTES, MAX_REASONING_CHARACTERS, Generated, GenerationStopped
from mcp_service.citation_filter import Citations, removal_note
from mcp_service.generators.generator import (
    AnswerTooLarge,
    EmptyAnswer,
    Finished,
    GenerationItem,
    Generator,
    GeneratorInput,
    StatusNote,
    TextDelta,
)
from mcp_service.generators.registry import GeneratorRegistry
from mcp_service.running_generations import Operation, Operations
from mcp_service.token_estimates import estimate_tokens

CLOSE_SECONDS = 5
"""How long a generator may take to release its model before the generation ends without it."""

MAX_REFUSAL_LENGTH = 1_000

Emit: TypeAlias = Callable[[TextDelta | StatusNote], Awaitable[None]]


@dataclass(frozen=True)
class GenerationRequest:
    """What to generate, for which user, and the id by which it can be stopped."""

    user_id: UUID
    inputs: GeneratorInput
    generator: str | None = None
    operation_id: str | None = None


class Generations:
    """Runs generators; a generation ends when it is complete, stopped, or its caller is cancelled."""

    def __init__(self, generators: GeneratorRegistry) -> None:
        self.generators = generators
        self._operations = Operations()

    async def run(self, request: GenerationRequest, emit: Emit) -> Generated:
        """The whole answer; `emit` receives each delta and status note as it comes.

        Raises:
            Refused: there is no answer; the message says why.
        """
        generator = self.generators.get(request.generator)
        answer = _PublishedAnswer(request.inputs)
        async with self._operations.running(request.user_id, request.operation_id) as operation:
            with operation.scope:
                await _consume(generator, request.inputs, answer, operation, emit)
        answer.check()
        return answer.generated(generator.name, request.inputs)

    async def stop(self, user_id: UUID, operation_id: str) -> GenerationStopped:
        """Stop a generation of the user; returns once the generator has released its model."""
        return await self._operations.stop(user_id, operation_id)


class _PublishedAnswer:
    """The answer so far, as it is published; an answer that was stopped has no `finished`."""

    def __init__(self, inputs: GeneratorInput) -> None:
        self.text = inputs.prefix
        self.finished: Finished | None = None
        self._max_tokens = inputs.max_tokens
        self._passages = len(inputs.passages)
        self._citations = Citations(self._passages)
        self._start: int | None = None
        self._received = self._bytes = self._noted = 0

    def add(self, delta: TextDelta) -> TextDelta | None:
        """What to publish of a delta from the generator."""
        if self._start is None or delta.offset == 0:
            # Up to this offset (0, or the prefix's end) both texts agree; after it, the published one may be shorter.
            self._begin(delta.offset)
        self._received += len(delta.text)
        if self._received > MAX_ANSWER_BYTES:
            raise _too_large()
        return self._publish(self._citations.feed(delta.text))

    def _begin(self, offset: int) -> None:
        self._start = offset
        self._citations = Citations(self._passages)
        self._citations.skip(self.text[:offset])
        self._received = self._bytes = self._noted = 0

    def finish(self, finished: Finished) -> TextDelta | None:
        """What is left to publish at the end."""
        self.finished = finished
        rest = self._publish(self._citations.flush())
        if self._received and not self._bytes:
            self.text = self.text[: self._start]
        return rest

    def note(self) -> StatusNote | None:
        """A note for the log: citations removed since the last call, or an empty answer."""
        numbers = self._citations.removed[self._noted :]
        self._noted += len(numbers)
        if numbers:
            return StatusNote(removal_note(numbers))
        if self.finished is None:
            return None
        match self.finished.finish_reason:
            case "length":
                return StatusNote(
                    f"The answer was cut off at {self._max_tokens} tokens. The agent's max_tokens sets the limit."
                )
            case "content_filter":
                return StatusNote("The answer was ended by the content filter of the model's server.")
            case "stop":
                return None

    def check(self) -> None:
        """Make sure that a complete answer has text.

        Raises:
            EmptyAnswer: it has none; the message is the model's refusal, or why it ended.
        """
        if self.finished is not None and not self.text.strip():
            raise EmptyAnswer(self._reason_for_no_text(self.finished))

    def _reason_for_no_text(self, finished: Finished) -> str:
        if finished.refusal:
            return f"The model refuses to answer: {finished.refusal[:MAX_REFUSAL_LENGTH]}"
        if finished.finish_reason == "content_filter":
            return "The content filter of the model's server withheld the answer."
        if finished.finish_reason == "length":
            return (
                f"The model used up max_tokens ({self._max_tokens}) before it wrote any text. "
                "A reasoning model needs more."
            )
        if finished.calls_tool:
            return "The model called a tool instead of answering; it was offered none."
        if self._citations.removed:
            return "The model wrote only citations of passages that do not exist."
        if finished.reasoning:
            return "The model thought, but returned an empty answer."
        return "The model returned an empty answer."

    def generated(self, name: str, inputs: GeneratorInput) -> Generated:
        """The answer as the tool returns it."""
        if self.finished is not None:
            return Generated(
                text=self.text,
                generator=name,
                finish_reason=self.finished.finish_reason,
                usage=self.finished.usage,
                reasoning=self.finished.reasoning[:MAX_REASONING_CHARACTERS],
            )
        prompt = [inputs.query, inputs.instructions, *(passage.text for passage in inputs.passages)]
        usage = Usage(prompt_tokens=sum(map(estimate_tokens, prompt)), completion_tokens=estimate_tokens(self.text))
        return Generated(text=self.text, generator=name, finish_reason="stopped", usage=usage)

    def _publish(self, text: str) -> TextDelta | None:
        if not text:
            return None
        if not self._bytes:
            self.text = self.text[: self._start]
            self._bytes = _size(self.text)
        delta = TextDelta(len(self.text), text)
        self._bytes += _size(text)
        if self._bytes > MAX_ANSWER_BYTES:
            raise _too_large()
        self.text += text
        return delta


def _too_large() -> AnswerTooLarge:
    return AnswerTooLarge(f"The answer is larger than {MAX_ANSWER_BYTES // 1024} KiB. Ask for less at a time.")


def _size(text: str) -> int:
    """Bytes of `text` as JSON in UTF-8."""
    return len(json.dumps(text, ensure_ascii=False).encode())


async def _consume(
    generator: Generator, inputs: GeneratorInput, answer: _PublishedAnswer, operation: Operation, emit: Emit
) -> None:
    async with _closing(generator.stream(inputs)) as items:
        async for item in items:
            match item:
                case TextDelta(text=""):
                    continue
                case TextDelta():
                    published = answer.add(item)
                case StatusNote():
                    published = item
                case Finished():
                    published = answer.finish(item)
            operation.characters = len(answer.text)
            for emitted in (published, answer.note()):
                if emitted is not None:
                    await emit(emitted)


@asynccontextmanager
async def _closing(items: AsyncGenerator[GenerationItem]) -> AsyncGenerator[AsyncGenerator[GenerationItem]]:
    try:
        yield items
    finally:
        # Shielded: a cancelled generation must still release its model in order.
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            await items.aclose()
