"""GPT4All with tiny models of random weights, each in its own process."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from dynavera.contracts.mcp import GivenPassage
from dynavera.web.errors import GeneratorUnavailable
from mcp_service.generator_prompt import build_prompt
from mcp_service.generators.generator import (
    Finished,
    GenerationItem,
    GeneratorDied,
    GeneratorInput,
    GeneratorRefused,
    GeneratorSilent,
    StatusNote,
    TextDelta,
)
from mcp_service.generators.gpt4all.generator import Gpt4All, Gpt4AllLimits
from mcp_service.generators.gpt4all.process import child_command
from mcp_service.generators.silence_timeout import SilenceLimits
from mcp_service.limits import StopGrace
from tests.child_processes import running_children
from tests.serving import until

LONG = timedelta(minutes=1)
RELAXED = Gpt4AllLimits(queue=LONG, load=LONG, silence=SilenceLimits(LONG, LONG), idle=LONG)
CONTEXT = 8192
CHILD = "mcp_service.generators.gpt4all.child"
PASSAGE = GivenPassage(text="Light passes through the skull.", document="light.md")
LONG_PASSAGES = [GivenPassage(text="Light passes through the skull. " * 25, document="light.md")] * 8
"""Some 7,000 bytes, which take the slow model seconds to evaluate."""

Opened = Callable[..., Gpt4All]


def inputs_of(
    *, max_tokens: int = 20, prefix: str = "", passages: list[GivenPassage] | None = None, query: str = "?"
) -> GeneratorInput:
    return GeneratorInput(query, passages or [PASSAGE], "", max_tokens, 0, prefix)


@pytest.fixture
async def opened(models: Path) -> AsyncGenerator[Opened]:
    async with AsyncExitStack() as stack:

        def open_model(file: str = "tiny.gguf", limits: Gpt4AllLimits = RELAXED, context: int = CONTEXT) -> Gpt4All:
            model = Gpt4All(f"gpt4all:{file}", child_command(models / file, context), limits)
            stack.push_async_callback(model.close)
            return model

        yield open_model


async def collect(model: Gpt4All, inputs: GeneratorInput) -> list[GenerationItem]:
    async with aclosing(model.stream(inputs)) as stream:
        return [item async for item in stream]


def text_of(items: list[GenerationItem], prefix: str = "") -> str:
    for item in items:
        if isinstance(item, TextDelta):
            assert item.offset == len(prefix)
            prefix += item.text
    return prefix


async def loaded(model: Gpt4All) -> int:
    await collect(model, inputs_of(max_tokens=1))
    return only_process()


def only_process() -> int:
    """The id of the model's process."""
    [process] = running_children(CHILD)
    return process.pid


@asynccontextmanager
async def writing(model: Gpt4All) -> AsyncGenerator[None]:
    """Runs while an endless answer is being written."""
    async with aclosing(model.stream(inputs_of(max_tokens=4000))) as stream:
        async for item in stream:
            if isinstance(item, TextDelta):
                break
        yield


async def test_loading_is_reported_before_the_answer_streams(opened: Opened) -> None:
    model = opened()

    items = await collect(model, inputs_of(max_tokens=20))

    loading, done, *pieces, ending = items
    assert loading == StatusNote("Loading gpt4all:tiny.gguf …")
    assert isinstance(done, StatusNote)
    assert done.message.startswith("Loaded in ")
    assert len(pieces) > 10
    assert text_of(items).isprintable()
    assert isinstance(ending, Finished)
    assert (ending.finish_reason, ending.usage.completion_tokens) == ("length", 20)
    # A token is a byte here, and the chat template adds some.
    prompt = build_prompt("?", [PASSAGE], "")
    assert ending.usage.prompt_tokens == pytest.approx(len((prompt.system + prompt.user).encode()), abs=60)


async def test_a_model_is_loaded_once(opened: Opened) -> None:
    model = opened()
    first = await loaded(model)

    items = await collect(model, inputs_of())

    assert not any(isinstance(item, StatusNote) for item in items)
    assert only_process() == first


async def test_an_answer_does_not_depend_on_earlier_questions(opened: Opened) -> None:
    model = opened()

    first = text_of(await collect(model, inputs_of()))
    other = text_of(await collect(model, inputs_of(query="Something else?")))
    again = text_of(await collect(model, inputs_of()))

    assert again == first != other


async def test_an_answer_continues_its_prefix(opened: Opened) -> None:
    model = opened()
    whole = text_of(await collect(model, inputs_of(max_tokens=30)))

    items = await collect(model, inputs_of(max_tokens=30, prefix=whole[:13]))

    ending = items[-1]
    assert text_of(items, whole[:13]).startswith(whole)
    assert isinstance(ending, Finished)
    assert ending.usage.completion_tokens == 30


async def test_a_model_stopped_while_writing_stays_loaded(opened: Opened) -> None:
    model = opened()
    process = await loaded(model)

    async with writing(model):
        pass

    assert only_process() == process
    assert isinstance((await collect(model, inputs_of()))[0], TextDelta)


async def test_a_stop_while_writing_takes_effect_at_once(opened: Opened) -> None:
    model = opened("slow.gguf")
    await loaded(model)

    async with writing(model):
        began = time.monotonic()
    took = time.monotonic() - began

    # It takes less than a second; the limit allows for a busy machine.
    assert took < 2


async def test_a_stop_during_prompt_evaluation_takes_at_most_five_seconds(opened: Opened) -> None:
    model = opened("slow.gguf")
    await loaded(model)
    reading = asyncio.create_task(collect(model, inputs_of(passages=LONG_PASSAGES)))

    await until_busy()
    began = time.monotonic()
    reading.cancel()
    await asyncio.wait({reading})
    took = time.monotonic() - began

    assert reading.cancelled()
    assert took < 5
    assert isinstance((await collect(model, inputs_of()))[-1], Finished)


async def test_a_model_that_does_not_stop_is_killed_and_loaded_again(opened: Opened) -> None:
    model = opened("slow.gguf", replace(RELAXED, stop_grace=StopGrace(reading=timedelta(0))))
    process = await loaded(model)
    reading = asyncio.create_task(collect(model, inputs_of(passages=LONG_PASSAGES)))

    await until_busy()
    reading.cancel()
    await asyncio.wait({reading})

    assert not psutil.pid_exists(process)
    assert isinstance((await collect(model, inputs_of()))[0], StatusNote)


async def until_busy() -> None:
    """Wait until the process, which was idle, computes."""
    process = psutil.Process(only_process())
    before = process.cpu_times().user
    await until(lambda: process.cpu_times().user > before + 0.3, seconds=30)


async def test_queued_calls_report_their_position(opened: Opened) -> None:
    model = opened()
    received: dict[str, list[str]] = {"second": [], "third": []}

    async def consume(name: str) -> None:
        async for item in model.stream(inputs_of()):
            if isinstance(item, StatusNote):
                received[name].append(item.message)

    async with writing(model):
        second = asyncio.create_task(consume("second"))
        await until(lambda: len(received["second"]) == 1)
        third = asyncio.create_task(consume("third"))
        await until(lambda: len(received["third"]) == 1)
    await asyncio.gather(second, third)

    assert received["second"] == ["1st in the queue for gpt4all:tiny.gguf."]
    assert received["third"] == ["2nd in the queue for gpt4all:tiny.gguf.", "1st in the queue for gpt4all:tiny.gguf."]


async def test_a_cancelled_call_leaves_the_queue(opened: Opened) -> None:
    model = opened()
    notes: list[str] = []

    async def consume() -> None:
        async for item in model.stream(inputs_of()):
            if isinstance(item, StatusNote):
                notes.append(item.message)  # noqa: PERF401 -- each is wanted when it comes

    async with writing(model):
        second, third = asyncio.create_task(consume()), asyncio.create_task(consume())
        await until(lambda: len(notes) == 2)
        second.cancel()
        await until(lambda: len(notes) == 3)
    await third

    assert second.cancelled()
    assert notes[-1] == "1st in the queue for gpt4all:tiny.gguf."


async def test_a_killed_process_is_a_retryable_error(opened: Opened) -> None:
    model = opened()
    received: list[GenerationItem] = []

    async def consume() -> None:
        async for item in model.stream(inputs_of(max_tokens=4000)):
            received.append(item)
            if isinstance(item, TextDelta) and running_children(CHILD):
                os.kill(only_process(), signal.SIGKILL)

    with pytest.raises(GeneratorDied, match=r"killed by signal 9\. Is there enough memory") as died:
        await consume()

    assert died.value.retryable
    assert text_of(received)
    assert isinstance((await collect(model, inputs_of()))[-1], Finished)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"This is no model.", "not in the GGUF format"),
        (b"", "empty"),
        (b"GGUF\x03\x00\x00\x00", "damaged"),
        (None, "cut off"),
    ],
    ids=["text", "empty", "header", "cut off"],
)
async def test_an_invalid_model_file_is_refused_with_a_reason(
    models: Path, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes((models / "tiny.gguf").read_bytes()[:200_000] if content is None else content)
    model = Gpt4All("gpt4all:broken.gguf", child_command(file, CONTEXT), RELAXED)

    with pytest.raises(GeneratorUnavailable, match=reason) as refused:
        await collect(model, inputs_of())

    assert not refused.value.retryable
    assert running_children(CHILD) == []


async def test_a_prompt_longer_than_the_context_is_refused(opened: Opened) -> None:
    model = opened(context=512)

    with pytest.raises(GeneratorRefused, match=r"512 tokens\. .* DYNAVERA_MODEL_CONTEXT"):
        await collect(model, inputs_of())

    assert running_children(CHILD)


async def test_slow_prompt_evaluation_times_out(opened: Opened) -> None:
    limits = Gpt4AllLimits(queue=LONG, load=LONG, silence=SilenceLimits(timedelta(seconds=0.2), LONG), idle=LONG)
    model = opened("slow.gguf", limits)

    with pytest.raises(GeneratorSilent, match="DYNAVERA_PROMPT_TIMEOUT"):
        await collect(model, inputs_of(passages=LONG_PASSAGES))


async def test_slow_loading_times_out(opened: Opened) -> None:
    limits = Gpt4AllLimits(queue=LONG, load=timedelta(milliseconds=1), silence=SilenceLimits(LONG, LONG), idle=LONG)
    model = opened(limits=limits)

    with pytest.raises(GeneratorSilent, match="DYNAVERA_LOAD_TIMEOUT"):
        await collect(model, inputs_of())

    assert running_children(CHILD) == []


async def test_an_idle_model_is_unloaded(opened: Opened) -> None:
    limits = Gpt4AllLimits(queue=LONG, load=LONG, silence=SilenceLimits(LONG, LONG), idle=timedelta(milliseconds=1))
    model = opened(limits=limits)

    await collect(model, inputs_of())

    await until(lambda: not running_children(CHILD))
    assert isinstance((await collect(model, inputs_of()))[-1], Finished)
