"""The generator with a fake model process, which can misbehave; tests/extras has the tests with real models."""

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from datetime import timedelta

import psutil
import pytest

from dynavera.web.errors import GeneratorUnavailable
from mcp_service.generators.generator import (
    Finished,
    GenerationItem,
    GeneratorAway,
    GeneratorDied,
    GeneratorInput,
    GeneratorSilent,
    StatusNote,
    TextDelta,
)
from mcp_service.generators.gpt4all.generator import Gpt4All, Gpt4AllLimits
from mcp_service.generators.silence_timeout import SilenceLimits
from mcp_service.generators.wait_queue import ordinal
from tests.child_processes import running_children

LONG, SHORT = timedelta(minutes=1), timedelta(seconds=0.3)
RELAXED = Gpt4AllLimits(queue=LONG, load=LONG, silence=SilenceLimits(LONG, LONG), idle=LONG)
NAME = "gpt4all:fake.gguf"
FAKE_MODEL = "tests.mcp_service.generators.gpt4all.fake_model"

Opened = Callable[..., Gpt4All]


@pytest.fixture
async def opened() -> AsyncGenerator[Opened]:
    async with AsyncExitStack() as stack:

        def open_model(behaviour: str, limits: Gpt4AllLimits = RELAXED) -> Gpt4All:
            command = (sys.executable, "-m", FAKE_MODEL, behaviour)
            model = Gpt4All(NAME, command, limits)
            stack.push_async_callback(model.close)
            return model

        yield open_model


def stream(model: Gpt4All, prefix: str = "") -> AsyncGenerator[GenerationItem]:
    return model.stream(GeneratorInput("Does light pass?", [], "", 100, 0.2, prefix))


async def collect(model: Gpt4All, prefix: str = "") -> list[GenerationItem]:
    async with aclosing(stream(model, prefix)) as items:
        return [item async for item in items]


async def until_it_writes(items: AsyncGenerator[GenerationItem]) -> None:
    async for item in items:
        if isinstance(item, TextDelta):
            return


async def test_deltas_continue_the_prefix(opened: Opened) -> None:
    items = await collect(opened("writes"), "So: ")

    assert [item for item in items if isinstance(item, TextDelta)] == [TextDelta(4, "Light "), TextDelta(10, "passes.")]
    assert isinstance(items[-1], Finished)


async def test_a_model_that_ignores_a_stop_is_killed(opened: Opened) -> None:
    model = opened("ignores_stop")

    async with aclosing(stream(model)) as items:
        await until_it_writes(items)
        [process] = running_children(FAKE_MODEL)

    assert not psutil.pid_exists(process.pid)


async def test_a_crash_is_reported_after_the_text_so_far(opened: Opened) -> None:
    received: list[GenerationItem] = []

    async def consume() -> None:
        async with aclosing(stream(opened("dies"))) as items:
            async for item in items:
                received.append(item)  # noqa: PERF401 -- what came before an error is kept

    with pytest.raises(GeneratorDied, match=r"'gpt4all:fake\.gguf' died: it ended with code 7\.") as died:
        await consume()

    assert (died.value.code, died.value.retryable) == ("generator_died", True)
    assert received[-1] == TextDelta(0, "Light ")


async def test_a_silent_model_times_out_and_its_process_is_killed(opened: Opened) -> None:
    model = opened("hangs", replace(RELAXED, silence=SilenceLimits(LONG, SHORT)))

    with pytest.raises(GeneratorSilent, match="DYNAVERA_TOKEN_TIMEOUT"):
        await collect(model)

    assert running_children(FAKE_MODEL) == []


async def test_an_unusable_model_is_refused_with_the_reason(opened: Opened) -> None:
    with pytest.raises(GeneratorUnavailable, match="cannot be used: not a real model") as refused:
        await collect(opened("unusable"))

    assert not refused.value.retryable


async def test_waiting_too_long_in_the_queue_is_retryable(opened: Opened) -> None:
    model = opened("ignores_stop", replace(RELAXED, queue=SHORT))
    notes: list[str] = []

    async def wait() -> None:
        async with aclosing(stream(model)) as items:
            async for item in items:
                assert isinstance(item, StatusNote)
                notes.append(item.message)

    async with aclosing(stream(model)) as items:
        await until_it_writes(items)
        with pytest.raises(GeneratorAway, match="DYNAVERA_QUEUE_TIMEOUT"):
            await wait()

    assert notes == [f"1st in the queue for {NAME}."]


async def test_the_process_of_a_model_receives_no_secrets(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("DYNAVERA_TOKEN", "dyn_test")

    names = "".join(
        item.text for item in await collect(opened("prints_environment")) if isinstance(item, TextDelta)
    ).split()

    assert "PATH" in names
    assert not [name for name in names if name.startswith(("OPENAI_", "DYNAVERA_"))]


def test_positions_are_ordinals() -> None:
    assert [ordinal(position) for position in (1, 2, 3, 4, 11, 12, 13, 21, 112)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th"]
    )
