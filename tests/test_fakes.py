import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.fakes import FakeModel
from tests.serving import serving, until

COMPLETION: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "what is it"}], "stream": True}


async def test_fake_model_streams_its_words() -> None:
    model = FakeModel(words=["a", "b", "c"])

    async with serving(model) as url, httpx.AsyncClient(base_url=url) as client:
        response = await client.post("/v1/chat/completions", json=COMPLETION)

    assert _text(response.text) == "a b c"
    assert response.text.endswith("data: [DONE]\n\n")


async def test_fake_model_continues_an_assistant_message() -> None:
    model = FakeModel(words=["a", "b", "c"])
    completion = {**COMPLETION, "messages": [*COMPLETION["messages"], {"role": "assistant", "content": "a b"}]}

    async with serving(model) as url, httpx.AsyncClient(base_url=url) as client:
        response = await client.post("/v1/chat/completions", json=completion)

    assert _text(response.text) == " c"


async def test_fake_model_stops_when_its_client_disconnects() -> None:
    model = FakeModel(words=["word"] * 1000, delay=0.01)

    async with serving(model) as url, httpx.AsyncClient(base_url=url) as client:
        async with client.stream("POST", "/v1/chat/completions", json=COMPLETION) as response:
            await anext(response.aiter_lines())
        await until(lambda: bool(model.disconnected_at), seconds=1)

    assert model.emitted < 100
    assert model.emitted_after_disconnect == 0


async def test_fake_model_fails_as_often_as_configured() -> None:
    model = FakeModel(fails_with=503, fails_times=1, retry_after="2")

    async with serving(model) as url, httpx.AsyncClient(base_url=url) as client:
        first = await client.post("/v1/chat/completions", json=COMPLETION)
        second = await client.post("/v1/chat/completions", json=COMPLETION)

    assert (first.status_code, first.headers["retry-after"], second.status_code) == (503, "2", 200)


@pytest.mark.parametrize("delays_status", [False, True])
async def test_fake_model_notices_a_disconnect_while_it_hangs(*, delays_status: bool) -> None:
    model = FakeModel(hangs_after=0, delays_status=delays_status)

    async with serving(model) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        request = asyncio.create_task(client.post("/v1/chat/completions", json=COMPLETION))
        await until(lambda: bool(model.requests))
        request.cancel()
        await until(lambda: bool(model.disconnected_at), seconds=1)

    assert model.emitted == 0


async def test_fake_model_refuses_only_a_prefix() -> None:
    model = FakeModel(refuses_prefix=True)
    continued = {**COMPLETION, "messages": [*COMPLETION["messages"], {"role": "assistant", "content": "a"}]}

    async with serving(model) as url, httpx.AsyncClient(base_url=url) as client:
        refused = await client.post("/v1/chat/completions", json=continued)
        accepted = await client.post("/v1/chat/completions", json=COMPLETION)

    assert (refused.status_code, accepted.status_code) == (400, 200)


def _text(body: str) -> str:
    chunks = [json.loads(line.removeprefix("data: ")) for line in body.splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
