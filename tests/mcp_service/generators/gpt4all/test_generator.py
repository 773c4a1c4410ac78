"""What the service does with the process of a model, also with one that does not behave.

A real model, which the extra brings, is tested in tests/extras.
"""

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from datetime import timedelta

import psutil
import pytest

from mcp_service.generators.generator import (
    Ask,
    Ending,
    GeneratorAway,
    GeneratorDied,
    GeneratorSilent,
    GeneratorUnavailable,
    Piece,
    Told,
    Waiting,
)
from mcp_service.generators.gpt4all.generator import Gpt4All, Limits, ordinal
from mcp_service.generators.patience import Silence

LONG, SHORT = timedelta(minutes=1), timedelta(seconds=0.3)
PATIENT = Limits(queue=LONG, load=LONG, silence=Silence(LONG, LONG), idle=LONG)
NAME = "gpt4all:fake.gguf"

Opened = Callable[..., Gpt4All]


@pytest.fixture
async def opened() -> AsyncGenerator[Opened]:
    async with AsyncExitStack() as stack:

        def open_model(behaviour: str, limits: Limits = PATIENT) -> Gpt4All:
            command = (sys.executable, "-m", "tests.mcp_service.generators.gpt4all.fake_model", behaviour)
            model = Gpt4All(NAME, command, limits)
            stack.push_async_callback(model.close)
            return model

        yield open_model


def stream(model: Gpt4All, prefix: str = "") -> AsyncGenerator[Told]:
    return model.stream(Ask("Does light pass?", [], "", 100, 0.2, prefix))


async def told(model: Gpt4All, prefix: str = "") -> list[Told]:
    async with aclosing(stream(model, prefix)) as items:
        return [item async for item in items]


async def until_it_writes(items: AsyncGenerator[Told]) -> None:
    async for item in items:
        if isinstance(item, Piece):
            return


async def test_pieces_go_on_after_the_prefix(opened: Opened) -> None:
    items = await told(opened("writes"), "So: ")

    assert [item for item in items if isinstance(item, Piece)] == [Piece(4, "Light "), Piece(10, "passes.")]
    assert isinstance(items[-1], Ending)


async def test_a_model_that_does_not_hear_is_killed(opened: Opened) -> None:
    model = opened("deaf")

    async with aclosing(stream(model)) as items:
        await until_it_writes(items)
        process = model.process_id

    assert process is not None
    assert not psutil.pid_exists(process)
    assert model.process_id is None


async def test_a_model_that_dies_is_said_with_how_and_what_it_wrote_is_told(opened: Opened) -> None:
    heard: list[Told] = []

    async def hear() -> None:
        async with aclosing(stream(opened("dies"))) as items:
            async for item in items:
                heard.append(item)  # noqa: PERF401 -- what came before an error is kept

    with pytest.raises(GeneratorDied, match=r"'gpt4all:fake\.gguf' died: it ended with code 7\.") as died:
        await hear()

    assert (died.value.code, died.value.retryable) == ("generator_died", True)
    assert heard[-1] == Piece(0, "Light ")


async def test_a_model_that_falls_silent_is_given_up_and_its_process_too(opened: Opened) -> None:
    model = opened("hangs", replace(PATIENT, silence=Silence(LONG, SHORT)))

    with pytest.raises(GeneratorSilent, match="DYNAVERA_TOKEN_TIMEOUT"):
        await told(model)

    assert model.process_id is None


async def test_a_model_that_cannot_be_used_says_why(opened: Opened) -> None:
    with pytest.raises(GeneratorUnavailable, match="cannot be used: it is of paper") as refused:
        await told(opened("unusable"))

    assert not refused.value.retryable


async def test_who_waits_for_too_long_in_the_queue_is_told_to_come_back(opened: Opened) -> None:
    model = opened("deaf", replace(PATIENT, queue=SHORT))
    places: list[str] = []

    async def wait() -> None:
        async with aclosing(stream(model)) as items:
            async for item in items:
                assert isinstance(item, Waiting)
                places.append(item.message)

    async with aclosing(stream(model)) as items:
        await until_it_writes(items)
        with pytest.raises(GeneratorAway, match="DYNAVERA_QUEUE_TIMEOUT"):
            await wait()

    assert places == [f"1st in the queue for {NAME}."]


async def test_the_process_of_a_model_gets_no_secrets(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("DYNAVERA_TOKEN", "dyn_test")

    names = "".join(item.text for item in await told(opened("tells")) if isinstance(item, Piece)).split()

    assert "PATH" in names
    assert not [name for name in names if name.startswith(("OPENAI_", "DYNAVERA_"))]


def test_places_are_ordinals() -> None:
    assert [ordinal(place) for place in (1, 2, 3, 4, 11, 12, 13, 21, 112)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th"]
    )
