"""GPT4All for real: tiny models with random weights, each loaded in a process of its own."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from dynavera.contracts.mcp import GivenPassage
from mcp_service.generators.generator import (
    Ask,
    Ending,
    GeneratorDied,
    GeneratorRefused,
    GeneratorSilent,
    GeneratorUnavailable,
    Piece,
    Told,
    Waiting,
)
from mcp_service.generators.gpt4all import generator as gpt4all
from mcp_service.generators.gpt4all.generator import Gpt4All, Limits
from mcp_service.generators.gpt4all.process import command
from mcp_service.generators.patience import Silence
from mcp_service.prompt import prompt_for
from tests.serving import until

LONG = timedelta(minutes=1)
PATIENT = Limits(queue=LONG, load=LONG, silence=Silence(LONG, LONG), idle=LONG)
CONTEXT = 8192
A_PASSAGE = GivenPassage(text="Light passes through the skull.", document="light.md")
A_LONG_READ = [GivenPassage(text="Light passes through the skull. " * 25, document="light.md")] * 8
"""Some 7,000 bytes, which the slow model reads for seconds."""

Opened = Callable[..., Gpt4All]


def ask(*, max_tokens: int = 20, prefix: str = "", passages: list[GivenPassage] | None = None, query: str = "?") -> Ask:
    return Ask(query, passages or [A_PASSAGE], "", max_tokens, 0, prefix)


@pytest.fixture
async def opened(models: Path) -> AsyncGenerator[Opened]:
    async with AsyncExitStack() as stack:

        def open_model(file: str = "tiny.gguf", limits: Limits = PATIENT, context: int = CONTEXT) -> Gpt4All:
            model = Gpt4All(f"gpt4all:{file}", command(models / file, context), limits)
            stack.push_async_callback(model.close)
            return model

        yield open_model


async def told(model: Gpt4All, what: Ask) -> list[Told]:
    async with aclosing(model.stream(what)) as stream:
        return [item async for item in stream]


def text_of(items: list[Told], prefix: str = "") -> str:
    for item in items:
        if isinstance(item, Piece):
            assert item.offset == len(prefix)
            prefix += item.text
    return prefix


async def loaded(model: Gpt4All) -> int:
    await told(model, ask(max_tokens=1))
    assert model.process_id is not None
    return model.process_id


@asynccontextmanager
async def writing(model: Gpt4All) -> AsyncGenerator[None]:
    """While an answer without an end is being written."""
    async with aclosing(model.stream(ask(max_tokens=4000))) as stream:
        async for item in stream:
            if isinstance(item, Piece):
                break
        yield


async def test_it_says_that_it_loads_then_streams(opened: Opened) -> None:
    model = opened()

    items = await told(model, ask(max_tokens=20))

    loading, done, *pieces, ending = items
    assert loading == Waiting("Loading gpt4all:tiny.gguf …")
    assert isinstance(done, Waiting)
    assert done.message.startswith("Loaded in ")
    assert len(pieces) > 10
    assert text_of(items).isprintable()
    assert isinstance(ending, Ending)
    assert (ending.finish_reason, ending.usage.completion_tokens) == ("length", 20)
    # A token is a byte here, and the chat template adds some.
    prompt = prompt_for("?", [A_PASSAGE], "")
    assert ending.usage.prompt_tokens == pytest.approx(len((prompt.system + prompt.user).encode()), abs=60)


async def test_it_is_loaded_once(opened: Opened) -> None:
    model = opened()
    first = await loaded(model)

    items = await told(model, ask())

    assert not any(isinstance(item, Waiting) for item in items)
    assert model.process_id == first


async def test_the_same_question_has_the_same_answer_whatever_was_asked_between(opened: Opened) -> None:
    model = opened()

    first = text_of(await told(model, ask()))
    other = text_of(await told(model, ask(query="Something else?")))
    again = text_of(await told(model, ask()))

    assert again == first != other


async def test_it_goes_on_after_a_prefix(opened: Opened) -> None:
    model = opened()
    whole = text_of(await told(model, ask(max_tokens=30)))

    items = await told(model, ask(max_tokens=30, prefix=whole[:13]))

    ending = items[-1]
    assert text_of(items, whole[:13]).startswith(whole)
    assert isinstance(ending, Ending)
    assert ending.usage.completion_tokens == 30


async def test_a_model_that_is_stopped_while_it_writes_stays_loaded(opened: Opened) -> None:
    model = opened()
    process = await loaded(model)

    async with writing(model):
        pass

    assert model.process_id == process
    assert isinstance((await told(model, ask()))[0], Piece)


async def test_a_stop_while_it_writes_is_done_at_once(opened: Opened) -> None:
    model = opened("slow.gguf")
    await loaded(model)

    async with writing(model):
        began = time.monotonic()
    took = time.monotonic() - began

    # It takes less than a second; a machine that does much else gets another one.
    assert took < 2


async def test_a_stop_while_it_reads_is_done_within_five_seconds(opened: Opened) -> None:
    model = opened("slow.gguf")
    await loaded(model)
    reading = asyncio.create_task(told(model, ask(passages=A_LONG_READ)))

    await busy(model)
    began = time.monotonic()
    reading.cancel()
    await asyncio.wait({reading})
    took = time.monotonic() - began

    assert reading.cancelled()
    assert took < 5
    assert isinstance((await told(model, ask()))[-1], Ending)


async def test_a_model_that_does_not_let_go_is_killed_and_loaded_again(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpt4all, "GRACE_READING", 0)
    model = opened("slow.gguf")
    process = await loaded(model)
    reading = asyncio.create_task(told(model, ask(passages=A_LONG_READ)))

    await busy(model)
    reading.cancel()
    await asyncio.wait({reading})

    assert not psutil.pid_exists(process)
    assert isinstance((await told(model, ask()))[0], Waiting)


async def busy(model: Gpt4All) -> None:
    """The process computes: it was idle before."""
    assert model.process_id is not None
    process = psutil.Process(model.process_id)
    before = process.cpu_times().user
    await until(lambda: process.cpu_times().user > before + 0.3, seconds=30)


async def test_calls_wait_in_a_queue_and_hear_their_place(opened: Opened) -> None:
    model = opened()
    heard: dict[str, list[str]] = {"second": [], "third": []}

    async def listen(name: str) -> None:
        async for item in model.stream(ask()):
            if isinstance(item, Waiting):
                heard[name].append(item.message)

    async with writing(model):
        second = asyncio.create_task(listen("second"))
        await until(lambda: len(heard["second"]) == 1)
        third = asyncio.create_task(listen("third"))
        await until(lambda: len(heard["third"]) == 1)
    await asyncio.gather(second, third)

    assert heard["second"] == ["1st in the queue for gpt4all:tiny.gguf."]
    assert heard["third"] == ["2nd in the queue for gpt4all:tiny.gguf.", "1st in the queue for gpt4all:tiny.gguf."]


async def test_who_is_stopped_in_the_queue_leaves_it(opened: Opened) -> None:
    model = opened()
    places: list[str] = []

    async def listen() -> None:
        async for item in model.stream(ask()):
            if isinstance(item, Waiting):
                places.append(item.message)  # noqa: PERF401 -- each is wanted when it comes

    async with writing(model):
        second, third = asyncio.create_task(listen()), asyncio.create_task(listen())
        await until(lambda: len(places) == 2)
        second.cancel()
        await until(lambda: len(places) == 3)
    await third

    assert second.cancelled()
    assert places[-1] == "1st in the queue for gpt4all:tiny.gguf."


async def test_a_killed_process_is_an_error_that_passes(opened: Opened) -> None:
    model = opened()
    heard: list[Told] = []

    async def listen() -> None:
        async for item in model.stream(ask(max_tokens=4000)):
            heard.append(item)
            if isinstance(item, Piece) and model.process_id is not None:
                os.kill(model.process_id, signal.SIGKILL)

    with pytest.raises(GeneratorDied, match=r"killed by signal 9\. Is there enough memory") as died:
        await listen()

    assert died.value.retryable
    assert text_of(heard)
    assert isinstance((await told(model, ask()))[-1], Ending)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"This is no model.", "not in the GGUF format"),
        (b"", "not in the GGUF format"),
        (b"GGUF\x03\x00\x00\x00", "damaged"),
        (None, "damaged"),
    ],
    ids=["text", "empty", "header", "cut off"],
)
async def test_a_file_that_is_no_model_is_refused_in_words(
    models: Path, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes((models / "tiny.gguf").read_bytes()[:200_000] if content is None else content)
    model = Gpt4All("gpt4all:broken.gguf", command(file, CONTEXT), PATIENT)

    with pytest.raises(GeneratorUnavailable, match=reason) as refused:
        await told(model, ask())

    assert not refused.value.retryable
    assert model.process_id is None


async def test_what_is_too_long_for_the_model_is_refused_in_words(opened: Opened) -> None:
    model = opened(context=512)

    with pytest.raises(GeneratorRefused, match=r"512 tokens\. .* DYNAVERA_MODEL_CONTEXT"):
        await told(model, ask())

    assert model.process_id is not None


async def test_a_model_that_reads_for_too_long_is_given_up(opened: Opened) -> None:
    limits = Limits(queue=LONG, load=LONG, silence=Silence(timedelta(seconds=0.2), LONG), idle=LONG)
    model = opened("slow.gguf", limits)

    with pytest.raises(GeneratorSilent, match="DYNAVERA_PROMPT_TIMEOUT"):
        await told(model, ask(passages=A_LONG_READ))


async def test_a_model_that_does_not_load_in_time_is_given_up(opened: Opened) -> None:
    limits = Limits(queue=LONG, load=timedelta(milliseconds=1), silence=Silence(LONG, LONG), idle=LONG)
    model = opened(limits=limits)

    with pytest.raises(GeneratorSilent, match="DYNAVERA_LOAD_TIMEOUT"):
        await told(model, ask())

    assert model.process_id is None


async def test_memory_is_freed_when_nobody_asks(opened: Opened) -> None:
    limits = Limits(queue=LONG, load=LONG, silence=Silence(LONG, LONG), idle=timedelta(milliseconds=1))
    model = opened(limits=limits)

    await told(model, ask())

    await until(lambda: model.process_id is None)
    assert isinstance((await told(model, ask()))[-1], Ending)
