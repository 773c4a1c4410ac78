import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.fakes import FakeModel
from tests.serving import serving, until

ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "what is it"}], "stream": True}


async def test_the_fake_model_streams_its_words() -> None:
    model = FakeModel(words=["a", "b", "c"])

    async with serving(model) as url, httpx.AsyncClient(base_url=url) as client:
        response = await client.post("/v1/chat/completions", json=ASKED)

    assert _text(response.text) == "a b c"
    assert response.text.endswith("data: [DONE]\n\n")


async def test_the_fake_model_continues_an_assistant_message() -> None:
    model = FakeModel(words=["a", "b", "c"])
    asked = {**ASKED, "messages": [*ASKED["messages"], {"role": "assistant", "content": "a b"}]}

    async with serving(model) as url, httpx.AsyncClient(base_url=url) as client:
        response = await client.post("/v1/chat/completions", json=asked)

    assert _text(response.text) == " c"


async def test_the_fake_model_sees_its_client_leave_and_stops() -> None:
    model = FakeModel(words=["word"] * 1000, delay=0.01)

    async with serving(model) as url, httpx.AsyncClient(base_url=url) as client:
        async with client.stream("POST", "/v1/chat/completions", json=ASKED) as response:
            await anext(response.aiter_lines())
        await until(lambda: bool(model.left_at), seconds=1)

    assert model.emitted < 100
    assert model.emitted_after_left == 0


async def test_the_fake_model_fails_as_often_as_it_was_told() -> None:
    model = FakeModel(fails_with=503, fails_times=1, retry_after="2")

    async with serving(model) as url, httpx.AsyncClient(base_url=url) as client:
        first = await client.post("/v1/chat/completions", json=ASKED)
        second = await client.post("/v1/chat/completions", json=ASKED)

    assert (first.status_code, first.headers["retry-after"], second.status_code) == (503, "2", 200)


@pytest.mark.parametrize("holds_status", [False, True])
async def test_the_fake_model_hangs_and_sees_its_client_leave(*, holds_status: bool) -> None:
    model = FakeModel(hangs_after=0, holds_status=holds_status)

    async with serving(model) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        asking = asyncio.create_task(client.post("/v1/chat/completions", json=ASKED))
        await until(lambda: bool(model.requests))
        asking.cancel()
        await until(lambda: bool(model.left_at), seconds=1)

    assert model.emitted == 0


async def test_the_fake_model_refuses_a_prefix_and_nothing_else() -> None:
    model = FakeModel(refuses_prefix=True)
    continued = {**ASKED, "messages": [*ASKED["messages"], {"role": "assistant", "content": "a"}]}

    async with serving(model) as url, httpx.AsyncClient(base_url=url) as client:
        refused = await client.post("/v1/chat/completions", json=continued)
        answered = await client.post("/v1/chat/completions", json=ASKED)

    assert (refused.status_code, answered.status_code) == (400, 200)


def _text(body: str) -> str:
    chunks = [json.loads(line.removeprefix("data: ")) for line in body.splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
