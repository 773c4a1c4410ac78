import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest

from benchmarks.chaos.model import ModelServer, Plan
from benchmarks.chaos.serving import serving

QUESTION = "What is chaos made of?"
PROMPT = f"Question: {QUESTION}"


@asynccontextmanager
async def answer_of(model: ModelServer, prefix: str = "") -> AsyncGenerator[openai.AsyncStream[Any]]:
    messages: Any = [{"role": "user", "content": PROMPT}]
    if prefix:
        messages.append({"role": "assistant", "content": prefix})
    async with (
        serving(model) as port,
        openai.AsyncOpenAI(api_key="none", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0) as client,
        await client.chat.completions.create(model="chaos", messages=messages, max_tokens=999, stream=True) as chunks,
    ):
        yield chunks


async def text_of(chunks: openai.AsyncStream[Any]) -> str:
    return "".join([choice.delta.content or "" async for chunk in chunks for choice in chunk.choices])


def model_with(plan: Plan) -> ModelServer:
    model = ModelServer(seed=1)
    model.plans[QUESTION] = plan
    return model


async def until_disconnected(model: ModelServer) -> None:
    async with asyncio.timeout(5):
        while not model.calls or model.calls[-1].disconnected_at is None:
            await asyncio.sleep(0.01)


async def test_it_writes_the_answer_and_counts_its_tokens() -> None:
    model = model_with(Plan(tokens=40, rate=2000))

    async with answer_of(model) as chunks:
        text = await text_of(chunks)

    assert text == model.answer(QUESTION) == model.calls[0].complete_answer
    assert model.emitted(QUESTION) == 40
    assert model.calls[0].disconnected_at is None


async def test_it_continues_a_prefix() -> None:
    model = model_with(Plan(tokens=40, rate=2000))
    prefix = model.answer(QUESTION)[:100]

    async with answer_of(model, prefix) as chunks:
        text = await text_of(chunks)

    assert prefix + text == model.answer(QUESTION) == model.calls[0].complete_answer
    assert model.emitted(QUESTION) < 40


async def test_it_can_restart_the_answer() -> None:
    model = model_with(Plan(tokens=40, rate=2000, restarts_answer=True))

    async with answer_of(model, model.answer(QUESTION)[:100]) as chunks:
        text = await text_of(chunks)

    assert text == model.calls[0].complete_answer
    assert model.emitted(QUESTION) == 40


async def test_a_prefix_that_it_never_wrote_is_recorded() -> None:
    model = model_with(Plan(tokens=5, rate=2000))

    async with answer_of(model, "I never wrote this") as chunks:
        await text_of(chunks)

    assert len(model.unknown_prefixes) == 1


async def test_it_stops_when_its_client_disconnects() -> None:
    model = model_with(Plan(tokens=1000, rate=50))

    async with answer_of(model) as chunks:
        await anext(aiter(chunks))
        await chunks.close()
        await until_disconnected(model)

    assert 0 < model.emitted(QUESTION) < 100


async def test_a_closed_gate_delays_the_end() -> None:
    plan = Plan(tokens=3, rate=2000)
    plan.may_end.clear()
    model = model_with(plan)

    async with answer_of(model) as chunks:
        texts = [choice.delta.content async for chunk in _first(chunks, 3) for choice in chunk.choices]
        assert "".join(texts) == model.answer(QUESTION)
        assert model.calls[0].ended_at is None
        plan.open_all()
        await text_of(chunks)

    assert model.calls[0].ended_at is not None


async def test_a_model_without_a_free_slot_refuses() -> None:
    plan = Plan()
    plan.may_answer.clear()

    with pytest.raises(openai.InternalServerError, match="no slot"):
        async with answer_of(model_with(plan)):
            pass


async def _first(chunks: openai.AsyncStream[Any], count: int) -> AsyncGenerator[Any]:
    iterator = aiter(chunks)
    for _ in range(count):
        yield await anext(iterator)
