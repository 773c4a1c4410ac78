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
from mcp_service.generation import GenerationRequest, Generations
from mcp_service.generators.generator import (
    AnswerTooLarge,
    Finished,
    FinishReason,
    GenerationItem,
    Generator,
    GeneratorInput,
    StatusNote,
    TextDelta,
)
from mcp_service.generators.registry import GeneratorRegistry

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

    async def stream(self, inputs: GeneratorInput) -> AsyncGenerator[GenerationItem]:
        offset = self.offset
        for text in self.pieces:
            yield TextDelta(offset, text)
            offset += len(text)
        self.is_at_end.set()
        if self.hangs:
            await asyncio.Event().wait()
        yield Finished(self.finish_reason, USAGE)


@dataclass
class OnlyOne:
    """The generators of a service that has one."""

    one: Generator

    def get(self, _name: str | None) -> Generator:
        return self.one


@dataclass
class Reader:
    """Reads what is published, as every client does."""

    text: str = ""
    offsets: list[int] = field(default_factory=list[int])
    notes: list[str] = field(default_factory=list[str])

    async def receive(self, item: TextDelta | StatusNote) -> None:
        match item:
            case TextDelta(offset, text):
                assert text
                assert offset == len(self.text) or not self.offsets
                self.text = self.text[:offset] + text
                self.offsets.append(offset)
            case StatusNote(message):
                self.notes.append(message)


async def published(writer: Writer, prefix: str = "") -> tuple[Reader, Generated]:
    inputs = GeneratorInput("q", PASSAGES, "", 200, 0.2, prefix)
    reader = Reader(prefix)
    generated = await generations(writer).run(GenerationRequest(USER, inputs), reader.receive)
    return reader, generated


def generations(writer: Writer) -> Generations:
    return Generations(cast("GeneratorRegistry", OnlyOne(writer)))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_what_is_published_is_the_answer_without_wrong_citations(size: int) -> None:
    text = "🧠 Light is red [1][7]. It shines [2, 9]; see `a[9]` [3]. [12]"

    reader, generated = await published(Writer([text[at : at + size] for at in range(0, len(text), size)]))

    assert generated.text == "🧠 Light is red [1]. It shines [2]; see `a[9]` [3]."
    assert reader.text == generated.text
    assert (generated.finish_reason, generated.usage) == ("stop", USAGE)
    assert re.findall(r"\d+", " ".join(reader.notes)) == ["7", "9", "12"]


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
    assert reader.notes == [
        "Removed a citation of passage 9, which does not exist.",
        "Removed a citation of passage 8, which does not exist.",
    ]


@pytest.mark.parametrize("pieces", [[], [""], ["\n", " "]])
async def test_an_answer_without_a_word_has_a_note(pieces: list[str]) -> None:
    reader, _ = await published(Writer(pieces))

    assert reader.notes == ["The model returned an empty answer."]


async def test_an_answer_that_was_thought_about_for_too_long_says_which_limit_ended_it() -> None:
    reader, generated = await published(Writer([], finish_reason="length"))

    assert generated.text == ""
    assert reader.notes == [
        "The model used up max_tokens (200) before it wrote any text. A reasoning model needs more."
    ]


@pytest.mark.parametrize("finish_reason", ["stop", "length"])
async def test_a_prefix_that_is_whole_stays(finish_reason: FinishReason) -> None:
    reader, generated = await published(Writer([], finish_reason=finish_reason), "Light is red.")

    assert (generated.text, reader.offsets, reader.notes) == ("Light is red.", [], [])


async def test_a_stop_keeps_exactly_what_was_published() -> None:
    writer = Writer(["Light is red", " [1"], hangs=True)
    running = generations(writer)
    reader = Reader()
    inputs = GeneratorInput("q", PASSAGES, "", 200, 0.2)

    generating = asyncio.create_task(running.run(GenerationRequest(USER, inputs, operation_id="one"), reader.receive))
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
