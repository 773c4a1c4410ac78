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
        """The whole answer; `tell` is given each piece as it comes, and why there is none yet.

        Raises:
            Refused: there is no answer, and why.
        """
        generator = self.generators.named(order.generator)
        written = _Written(order.ask.prefix)
        async with self._operations.running(order.user_id, order.operation_id) as operation:
            with operation.scope:
                await _read(generator, order.ask, written, operation, tell)
        return written.generated(generator.name, order.ask)

    async def stop(self, user_id: UUID, operation_id: str) -> GenerationStopped:
        """Stop a generation of the user; comes back when the generator has let go."""
        return await self._operations.stop(user_id, operation_id)


class _Written:
    """The answer so far; without an ending it was stopped."""

    def __init__(self, prefix: str) -> None:
        self.text = prefix
        self.ending: Ending | None = None
        self._bytes = 0

    def add(self, piece: Piece) -> None:
        if piece.offset != len(self.text) or self._bytes == 0:
            self.text = self.text[: piece.offset]
            self._bytes = _size(self.text)
        self._bytes += _size(piece.text)
        if self._bytes > LARGEST_ANSWER:
            raise AnswerTooLarge(f"The answer grew larger than {LARGEST_ANSWER // 1024} KiB. Ask for less at a time.")
        self.text += piece.text

    def generated(self, name: str, ask: Ask) -> Generated:
        if self.ending is not None:
            return Generated(
                text=self.text, generator=name, finish_reason=self.ending.finish_reason, usage=self.ending.usage
            )
        given = [ask.query, ask.instructions, *(passage.text for passage in ask.passages)]
        usage = Usage(prompt_tokens=sum(map(tokens_in, given)), completion_tokens=tokens_in(self.text))
        return Generated(text=self.text, generator=name, finish_reason="stopped", usage=usage)


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
                    written.add(item)
                    operation.characters = len(written.text)
                    await tell(item)
                case Waiting():
                    await tell(item)
                case Ending():
                    written.ending = item


@asynccontextmanager
async def _closed(told: AsyncGenerator[Told]) -> AsyncGenerator[AsyncGenerator[Told]]:
    try:
        yield told
    finally:
        # Whoever stops this waits for it: a model that is cancelled must still be let go of in order.
        with anyio.move_on_after(LETTING_GO_SECONDS, shield=True):
            await told.aclose()
