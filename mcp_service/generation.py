"""One generation from start to end: its generator, its name, its limits."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import anyio

from dynavera.contracts.executions import Usage
from dynavera.contracts.mcp import LARGEST_ANSWER, Generated, GenerationStopped
from mcp_service.citations import Citations, remark_on
from mcp_service.generators.choice import Generators
from mcp_service.generators.generator import AnswerTooLarge, Ask, Ending, Generator, Piece, Told, Waiting
from mcp_service.operations import Operation, Operations
from mcp_service.tokens import tokens_in

LETTING_GO_SECONDS = 5
"""How long a generator may take to let go of its model; then it is left behind."""

Tell: TypeAlias = Callable[[Piece | Waiting], Awaitable[None]]


@dataclass(frozen=True)
class Order:
    """What to generate, for whom, and under which name it can be stopped."""

    user_id: UUID
    ask: Ask
    generator: str | None = None
    operation_id: str | None = None


class Generations:
    """Runs generators; a generation ends when it is whole, stopped, or its reader is cancelled."""

    def __init__(self, generators: Generators) -> None:
        self.generators = generators
        self._operations = Operations()

    async def run(self, order: Order, tell: Tell) -> Generated:
        """The whole answer; `tell` is given each piece as it comes, and what is said beside the text.

        Raises:
            Refused: there is no answer, and why.
        """
        generator = self.generators.named(order.generator)
        written = _Written(order.ask)
        async with self._operations.running(order.user_id, order.operation_id) as operation:
            with operation.scope:
                await _read(generator, order.ask, written, operation, tell)
        return written.generated(generator.name, order.ask)

    async def stop(self, user_id: UUID, operation_id: str) -> GenerationStopped:
        """Stop a generation of the user; comes back when the generator has let go."""
        return await self._operations.stop(user_id, operation_id)


class _Written:
    """The answer so far, as it is published; without an ending it was stopped."""

    def __init__(self, ask: Ask) -> None:
        self.text = ask.prefix
        self._max_tokens = ask.max_tokens
        self.ending: Ending | None = None
        self._citations = Citations(len(ask.passages))
        self._starts_at: int | None = None
        self._received = self._bytes = self._remarked = 0

    def read(self, piece: Piece) -> Piece | None:
        """What is to be published with a piece of the generator's."""
        if self._starts_at is None:
            # Where the first begins, at 0 or after the prefix, it is the same text; from there on ours may be shorter.
            self._starts_at = piece.offset
            self._citations.resume(self.text[: piece.offset])
        self._received += len(piece.text)
        if self._received > LARGEST_ANSWER:
            raise _too_large()
        return self._published(self._citations.read(piece.text))

    def end(self, ending: Ending) -> Piece | None:
        """What is to be published at the end."""
        self.ending = ending
        rest = self._published(self._citations.rest())
        if self._received and not self._bytes:
            self.text = self.text[: self._starts_at]
        return rest

    def remark(self) -> Waiting | None:
        """What is to be told beside the text: citations that were left out since it was asked last, or an empty end."""
        numbers = self._citations.left_out[self._remarked :]
        self._remarked += len(numbers)
        if numbers:
            return Waiting(remark_on(numbers))
        if self.ending is None or self._remarked or self.text.strip():
            return None
        if self.ending.finish_reason == "length":
            return Waiting(
                f"The model used up max_tokens ({self._max_tokens}) before any text came. "
                "One that thinks first needs more."
            )
        return Waiting("The model ended its answer without a word.")

    def generated(self, name: str, ask: Ask) -> Generated:
        """The answer as it is."""
        if self.ending is not None:
            return Generated(
                text=self.text, generator=name, finish_reason=self.ending.finish_reason, usage=self.ending.usage
            )
        given = [ask.query, ask.instructions, *(passage.text for passage in ask.passages)]
        usage = Usage(prompt_tokens=sum(map(tokens_in, given)), completion_tokens=tokens_in(self.text))
        return Generated(text=self.text, generator=name, finish_reason="stopped", usage=usage)

    def _published(self, text: str) -> Piece | None:
        if not text:
            return None
        if not self._bytes:
            self.text = self.text[: self._starts_at]
            self._bytes = _size(self.text)
        piece = Piece(len(self.text), text)
        self._bytes += _size(text)
        if self._bytes > LARGEST_ANSWER:
            raise _too_large()
        self.text += text
        return piece


def _too_large() -> AnswerTooLarge:
    return AnswerTooLarge(f"The answer grew larger than {LARGEST_ANSWER // 1024} KiB. Ask for less at a time.")


def _size(text: str) -> int:
    """Bytes of `text` as JSON in UTF-8."""
    return len(json.dumps(text, ensure_ascii=False).encode())


async def _read(generator: Generator, ask: Ask, written: _Written, operation: Operation, tell: Tell) -> None:
    async with _closed(generator.stream(ask)) as told:
        async for item in told:
            match item:
                case Piece(text=""):
                    continue
                case Piece():
                    published = written.read(item)
                case Waiting():
                    published = item
                case Ending():
                    published = written.end(item)
            operation.characters = len(written.text)
            for said in (published, written.remark()):
                if said is not None:
                    await tell(said)


@asynccontextmanager
async def _closed(told: AsyncGenerator[Told]) -> AsyncGenerator[AsyncGenerator[Told]]:
    try:
        yield told
    finally:
        # Whoever stops this waits for it: a model that is cancelled must still be let go of in order.
        with anyio.move_on_after(LETTING_GO_SECONDS, shield=True):
            await told.aclose()
