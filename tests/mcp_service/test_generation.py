"""What is published of what a generator writes."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

import pytest

from dynavera.contracts.executions import Usage
from dynavera.contracts.mcp import LARGEST_ANSWER, Generated, GivenPassage
from mcp_service.generation import Generations, Order
from mcp_service.generators.choice import Generators
from mcp_service.generators.generator import (
    AnswerTooLarge,
    Ask,
    Ending,
    FinishReason,
    Generator,
    Piece,
    Told,
    Waiting,
)

USER = UUID(int=1)
PASSAGES = [GivenPassage(text=f"Passage {number}.") for number in range(1, 5)]
USAGE = Usage(prompt_tokens=7, completion_tokens=11)


@dataclass
class Writer:
    """A generator that writes `pieces`, from `offset` on; with `hangs` it ends by being stopped only."""

    pieces: Sequence[str]
    offset: int = 0
    hangs: bool = False
    finish_reason: FinishReason = "stop"
    name: str = "writer"
    is_at_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def stream(self, ask: Ask) -> AsyncGenerator[Told]:
        offset = self.offset
        for text in self.pieces:
            yield Piece(offset, text)
            offset += len(text)
        self.is_at_end.set()
        if self.hangs:
            await asyncio.Event().wait()
        yield Ending(self.finish_reason, USAGE)


@dataclass
class OnlyOne:
    """The generators of a service that has one."""

    one: Generator

    def named(self, _name: str | None) -> Generator:
        return self.one


@dataclass
class Reader:
    """Reads what is published, as every client does."""

    text: str = ""
    offsets: list[int] = field(default_factory=list[int])
    remarks: list[str] = field(default_factory=list[str])

    async def hear(self, item: Piece | Waiting) -> None:
        match item:
            case Piece(offset, text):
                assert text
                assert offset == len(self.text) or not self.offsets
                self.text = self.text[:offset] + text
                self.offsets.append(offset)
            case Waiting(message):
                self.remarks.append(message)


async def published(writer: Writer, prefix: str = "") -> tuple[Reader, Generated]:
    ask = Ask("q", PASSAGES, "", 200, 0.2, prefix)
    reader = Reader(prefix)
    generated = await generations(writer).run(Order(USER, ask), reader.hear)
    return reader, generated


def generations(writer: Writer) -> Generations:
    return Generations(cast("Generators", OnlyOne(writer)))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_what_is_published_is_the_answer_without_wrong_citations(size: int) -> None:
    text = "🧠 Light is red [1][7]. It shines [2, 9]; see `a[9]` [3]. [12]"

    reader, generated = await published(Writer([text[at : at + size] for at in range(0, len(text), size)]))

    assert generated.text == "🧠 Light is red [1]. It shines [2]; see `a[9]` [3]."
    assert reader.text == generated.text
    assert (generated.finish_reason, generated.usage) == ("stop", USAGE)
    assert re.findall(r"\d+", " ".join(reader.remarks)) == ["7", "9", "12"]


async def test_it_goes_on_after_a_prefix() -> None:
    prefix = "Light `a"

    reader, generated = await published(Writer(["[9]` is red [", "9]."], offset=len(prefix)), prefix)

    assert generated.text == reader.text == "Light `a[9]` is red."
    assert reader.offsets[0] == len(prefix)


async def test_an_answer_that_starts_over_replaces_the_prefix() -> None:
    reader, generated = await published(Writer(["[9] Water", " is wet [1]."]), "Light is")

    assert generated.text == reader.text == "Water is wet [1]."
    assert reader.offsets[0] == 0


async def test_nothing_is_left_of_an_answer_of_wrong_citations_alone() -> None:
    reader, generated = await published(Writer(["[9]", " [8]"]), "Light is")

    assert (generated.text, reader.offsets) == ("", [])
    assert reader.remarks == [
        "A citation of passage 9, which was not given, was left out.",
        "A citation of passage 8, which was not given, was left out.",
    ]


@pytest.mark.parametrize("pieces", [[], [""], ["\n", " "]])
async def test_an_answer_without_a_word_is_remarked_on(pieces: list[str]) -> None:
    reader, _ = await published(Writer(pieces))

    assert reader.remarks == ["The model ended its answer without a word."]


async def test_an_answer_that_was_thought_about_for_too_long_says_which_limit_ended_it() -> None:
    reader, generated = await published(Writer([], finish_reason="length"))

    assert generated.text == ""
    assert reader.remarks == [
        "The model used up max_tokens (200) before any text came. One that thinks first needs more."
    ]


@pytest.mark.parametrize("finish_reason", ["stop", "length"])
async def test_a_prefix_that_is_whole_stays(finish_reason: FinishReason) -> None:
    reader, generated = await published(Writer([], finish_reason=finish_reason), "Light is red.")

    assert (generated.text, reader.offsets, reader.remarks) == ("Light is red.", [], [])


async def test_a_stop_keeps_exactly_what_was_published() -> None:
    writer = Writer(["Light is red", " [1"], hangs=True)
    running = generations(writer)
    reader = Reader()
    ask = Ask("q", PASSAGES, "", 200, 0.2)

    generating = asyncio.create_task(running.run(Order(USER, ask, operation_id="one"), reader.hear))
    await writer.is_at_end.wait()
    stopped = await running.stop(USER, "one")
    generated = await generating

    assert generated.text == reader.text == "Light is red"
    assert generated.finish_reason == "stopped"
    assert stopped.characters == len(reader.text)


@pytest.mark.parametrize("endless", ["word ", "[9]"])
async def test_an_answer_without_end_is_refused_whatever_is_left_of_it(endless: str) -> None:
    writer = Writer([endless * 1_000] * (LARGEST_ANSWER // len(endless) // 1_000 + 1))

    with pytest.raises(AnswerTooLarge):
        await published(writer)
