"""From a generator's output to the published answer."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

import pytest

from dynavera.contracts.executions import FinishReason, Usage
from dynavera.contracts.mcp import MAX_ANSWER_BYTES, Generated, GivenPassage
from mcp_service.generation import GenerationRequest, Generations
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

USER = UUID(int=1)
PASSAGES = [GivenPassage(text=f"Passage {number}.") for number in range(1, 5)]
USAGE = Usage(prompt_tokens=7, completion_tokens=11)
COMPLETE = Finished("stop", USAGE)


@dataclass
class Writer:
    """A generator that writes `pieces` from `offset`; with `hangs` it ends only when it is stopped."""

    pieces: Sequence[str]
    offset: int = 0
    hangs: bool = False
    finished: Finished = COMPLETE
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
        yield self.finished


@dataclass
class OnlyOne:
    """A registry with one generator."""

    one: Generator

    def get(self, _name: str | None) -> Generator:
        return self.one


@dataclass
class Reader:
    """Applies deltas like every client."""

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
async def test_the_published_answer_has_no_invalid_citations(size: int) -> None:
    text = "🧠 Light is red [1][7]. It shines [2, 9]; see `a[9]` [3]. [12]"

    reader, generated = await published(Writer([text[at : at + size] for at in range(0, len(text), size)]))

    assert generated.text == "🧠 Light is red [1]. It shines [2]; see `a[9]` [3]."
    assert reader.text == generated.text
    assert (generated.finish_reason, generated.usage) == ("stop", USAGE)
    assert re.findall(r"\d+", " ".join(reader.notes)) == ["7", "9", "12"]


async def test_an_answer_continues_a_prefix() -> None:
    prefix = "Light `a"

    reader, generated = await published(Writer(["[9]` is red [", "9]."], offset=len(prefix)), prefix)

    assert generated.text == reader.text == "Light `a[9]` is red."
    assert reader.offsets[0] == len(prefix)


async def test_an_answer_that_starts_over_replaces_the_prefix() -> None:
    reader, generated = await published(Writer(["[9] Water", " is wet [1]."]), "Light is")

    assert generated.text == reader.text == "Water is wet [1]."
    assert reader.offsets[0] == 0


async def test_an_answer_of_invalid_citations_alone_is_an_error() -> None:
    with pytest.raises(EmptyAnswer, match="only citations of passages that do not exist"):
        await published(Writer(["[9]", " [8]"]), "Light is")


@pytest.mark.parametrize(
    ("finished", "message"),
    [
        (Finished("stop", USAGE), "The model returned an empty answer."),
        (Finished("stop", USAGE, reasoning="Hm."), "The model thought, but returned an empty answer."),
        (Finished("stop", USAGE, refusal="I cannot help."), "The model refuses to answer: I cannot help."),
        (Finished("stop", USAGE, calls_tool=True), "The model called a tool instead of answering"),
        (Finished("content_filter", USAGE), "The content filter of the model's server withheld the answer."),
        (Finished("length", USAGE, reasoning="Hm."), r"used up max_tokens \(200\) before it wrote any text"),
    ],
)
@pytest.mark.parametrize("pieces", [[], [""], ["\n", " "]])
async def test_an_answer_without_text_is_an_error_with_the_reason(
    pieces: list[str], finished: Finished, message: str
) -> None:
    with pytest.raises(EmptyAnswer, match=message) as empty:
        await published(Writer(pieces, finished=finished))

    assert (empty.value.code, empty.value.retryable) == ("empty_answer", False)


@pytest.mark.parametrize(
    ("finish_reason", "notes"),
    [
        ("stop", []),
        ("length", ["The answer was cut off at 200 tokens. The agent's max_tokens sets the limit."]),
        ("content_filter", ["The answer was ended by the content filter of the model's server."]),
    ],
)
async def test_the_log_says_why_an_answer_ended(finish_reason: FinishReason, notes: list[str]) -> None:
    reader, generated = await published(Writer(["Light is"], finished=Finished(finish_reason, USAGE)))

    assert (generated.text, generated.finish_reason) == ("Light is", finish_reason)
    assert reader.notes == notes


async def test_a_prefix_that_is_complete_is_kept() -> None:
    reader, generated = await published(Writer([]), "Light is red.")

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
async def test_an_endless_answer_is_refused_even_if_all_of_it_is_removed(endless: str) -> None:
    writer = Writer([endless * 1_000] * (MAX_ANSWER_BYTES // len(endless) // 1_000 + 1))

    with pytest.raises(AnswerTooLarge):
        await published(writer)
