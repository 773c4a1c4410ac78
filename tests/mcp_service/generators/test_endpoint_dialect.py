"""What is learnt of a server: its parameters, its address, whether it continues, and how much it does at a time."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import HttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from dynavera.settings import Settings
from mcp_service.generators.endpoint.client import Endpoint, open_endpoint
from mcp_service.generators.endpoint.generator import OpenAiCompatible
from mcp_service.generators.endpoint.probe import LINE
from mcp_service.generators.generator import (
    Finished,
    GenerationItem,
    GeneratorAway,
    GeneratorInput,
    GeneratorRefused,
    StatusNote,
    TextDelta,
)
from tests.fakes import FakeModel
from tests.mcp_service.generators.test_endpoint_generator import PASSAGES, RELAXED, text_of
from tests.serving import serving

Refusal = Callable[[dict[str, Any]], dict[str, Any] | None]


def refused(words: str, **fields: str) -> dict[str, Any]:
    return {"error": {"message": words, **fields}}


def refuses(parameter: str, words: str, **fields: str) -> Refusal:
    return lambda body: refused(words, **fields) if parameter in body else None


def refuses_system(words: str) -> Refusal:
    return lambda body: refused(words) if body["messages"][0]["role"] == "system" else None


def refuses_streaming(body: dict[str, Any]) -> dict[str, Any] | None:
    return refused("Streaming is not supported") if body["stream"] else None


def picky(refusal: Refusal, requests: list[dict[str, Any]], status: int = 400) -> Starlette:
    async def answer(request: Request) -> Response:
        body = await request.json()
        requests.append(body)
        problem = refusal(body)
        if problem is not None:
            return JSONResponse(problem, status)
        return JSONResponse({"choices": [{"message": {"content": "Light is red."}, "finish_reason": "stop"}]})

    return Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])])


@asynccontextmanager
async def endpoint_of(model: Any, path: str = "/v1", **settings: Any) -> AsyncGenerator[Endpoint]:
    async with serving(model) as url:
        chosen = Settings.model_validate({"openai_base_url": HttpUrl(f"{url}{path}"), **settings})
        async with open_endpoint(chosen) as endpoint:
            yield endpoint


async def items_of(endpoint: Endpoint, prefix: str = "") -> list[GenerationItem]:
    inputs = GeneratorInput("Which light?", PASSAGES, "", 200, 0.3, prefix)
    return [item async for item in OpenAiCompatible("openai:fake", "fake", endpoint, RELAXED).stream(inputs)]


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (
            refuses("max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
            {"max_completion_tokens": 200, "max_tokens": None},
        ),
        (
            refuses("max_tokens", "Wrong.", code="unsupported_parameter", param="max_tokens"),
            {"max_completion_tokens": 200, "max_tokens": None},
        ),
        (refuses("stream_options", "Unrecognized request argument: stream_options"), {"stream_options": None}),
        (
            refuses("temperature", "'temperature' does not support 0.3 with this model.", code="unsupported_value"),
            {"temperature": None},
        ),
        (refuses_streaming, {"stream": False}),
        (refuses_system("System role not supported"), {}),
        (refuses_system("Conversation roles must alternate user/assistant: unexpected role 'system'"), {}),
    ],
)
@pytest.mark.parametrize("status", [400, 422, 500, 200])
async def test_a_parameter_that_is_refused_is_left_out_and_remembered(
    refusal: Refusal, expected: dict[str, Any], status: int
) -> None:
    requests: list[dict[str, Any]] = []

    async with endpoint_of(picky(refusal, requests, status)) as endpoint:
        texts = [text_of(await items_of(endpoint)) for _ in range(2)]

    assert texts == ["Light is red."] * 2
    assert len(requests) == 3
    assert {name: requests[1].get(name) for name in expected} == expected
    assert requests[2] == requests[1]


async def test_several_refused_parameters_are_left_out() -> None:
    def refusal(body: dict[str, Any]) -> dict[str, Any] | None:
        for name in ("max_tokens", "max_completion_tokens", "temperature", "stream_options"):
            if name in body:
                return {"detail": [{"loc": ["body", name], "msg": "Extra inputs are not permitted"}]}
        return None

    requests: list[dict[str, Any]] = []
    async with endpoint_of(picky(refusal, requests, 422)) as endpoint:
        assert text_of(await items_of(endpoint)) == "Light is red."

    assert set(requests[-1]) == {"model", "messages", "stream"}


async def test_the_system_message_moves_into_the_question() -> None:
    requests: list[dict[str, Any]] = []

    async with endpoint_of(picky(refuses_system("system role not supported"), requests)) as endpoint:
        await items_of(endpoint)

    [message] = requests[1]["messages"]
    assert message["role"] == "user"
    assert message["content"].startswith("You answer questions from passages")
    assert message["content"].endswith("Question: Which light?")


async def test_a_value_that_is_refused_is_an_error() -> None:
    requests: list[dict[str, Any]] = []
    refusal = refuses("max_tokens", "max_tokens must be at most 100.")

    async with endpoint_of(picky(refusal, requests)) as endpoint:
        with pytest.raises(GeneratorRefused, match="must be at most 100"):
            await items_of(endpoint)

    assert len(requests) == 1


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "", "/", "/v1/v1", "/v1/chat/completions", "/v1?version=7", "?version=7"]
)
async def test_the_address_may_be_written_in_any_way(path: str) -> None:
    model = FakeModel(models=["small"])

    async with endpoint_of(model, path) as endpoint:
        listed = await endpoint.models()
        text = text_of(await items_of(endpoint))

    assert listed == ["small"]
    assert text == model.text


@pytest.mark.parametrize("wrong", [HTMLResponse("<h1>Welcome</h1>"), PlainTextResponse("404 page not found", 404)])
async def test_v1_is_added_to_a_path_where_it_is_missing(wrong: Response) -> None:
    queries: list[str] = []

    async def answer(request: Request) -> Response:
        queries.append(request.url.query)
        return JSONResponse({"choices": [{"message": {"content": "Light is red."}}]})

    async def page(_request: Request) -> Response:
        return wrong

    model = Starlette(
        routes=[
            Route("/proxy/v1/chat/completions", answer, methods=["POST"]),
            Route("/{path:path}", page, methods=["POST"]),
        ]
    )
    async with endpoint_of(model, "/proxy?key=7") as endpoint:
        assert text_of(await items_of(endpoint)) == "Light is red."

    assert queries == ["key=7"]


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        ({"object": "list", "data": None}, []),
        ({"object": "list", "data": [{"id": "a"}, {"id": None}, None, 7, {}, {"id": ""}]}, ["a"]),
        ([{"id": "a"}, {"name": "b"}], ["a", "b"]),
        (["a", "b", "\ud800"], ["a", "b"]),
        ({"models": [{"name": "a"}, {"model": "b"}]}, ["a", "b"]),
        ({"data": {"id": "a"}}, ["a"]),
        ({"items": [{"id": "a"}]}, ["a"]),
        ("a page", ["a page"]),
        (None, []),
        (7, []),
    ],
)
async def test_a_list_of_models_of_any_shape_is_read(listed: Any, names: Sequence[str]) -> None:
    async def models(_request: Request) -> Response:
        return Response(json.dumps(listed), media_type="application/json")

    async with endpoint_of(Starlette(routes=[Route("/v1/models", models)])) as endpoint:
        assert await endpoint.models() == names


@pytest.mark.parametrize(
    "response", [HTMLResponse("<h1>Welcome</h1>"), PlainTextResponse("no", 500), PlainTextResponse("")]
)
async def test_a_server_that_lists_no_models_is_no_error(response: Response) -> None:
    async def models(_request: Request) -> Response:
        return response

    async with endpoint_of(Starlette(routes=[Route("/v1/models", models)])) as endpoint:
        assert await endpoint.models() == []


ANSWERS = {
    "lower case": "fNIRS is a non-invasive method that measures blood oxygen with light near the infrared, at rest too",
    "digits": "42 bar is the pressure of the pump, 7 days the interval of its checks, and 3 people may carry them out",
    "Markdown": "- **fNIRS** measures oxygen\n- `light` of *two* wavelengths\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    "repetitive": "the pump runs at 42 bar, the pump runs at 42 bar, the pump runs at 42 bar, now",
    "Chinese": "近红外光谱 是一种 无创的 脑成像 技术, 它利用 近红外光 测量 大脑皮层 血氧 浓度 的 变化。",
    "Chinese without spaces": "近红外光谱是一种无创的脑成像技术，它利用近红外光测量大脑皮层血氧浓度的变化。" * 2,
    "Arabic": "التحليل الطيفي هو تقنية تصوير غير جراحية تقيس تغيرات الأكسجين في الدم باستخدام الضوء القريب من الأشعة",
}


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("text", ANSWERS.values(), ids=ANSWERS.keys())
async def test_an_answer_that_starts_over_is_never_joined_to_its_prefix(text: str, blank: str) -> None:
    other = "A different answer, as a model at a high temperature writes it."

    for whole in (blank + text, blank + other):
        model = FakeModel(words=[whole], restarts_answer=True)
        async with endpoint_of(model) as endpoint:
            for cut in range(0, len(text), max(1, len(text) // 40)):
                prefix = text[:cut]
                items = await items_of(endpoint, prefix)
                assert text_of(items, prefix) == whole, prefix


@pytest.mark.parametrize("text", ANSWERS.values(), ids=ANSWERS.keys())
async def test_an_answer_that_is_continued_is_whole(text: str) -> None:
    model = FakeModel(words=text.split(" "))
    continued = 0

    async with endpoint_of(model) as endpoint:
        for cut in range(0, len(text), max(1, len(text) // 40)):
            items = await items_of(endpoint, text[:cut])
            assert text_of(items, text[:cut]) == text
            continued += isinstance(items[0], TextDelta) and items[0].offset == cut > 0

    assert continued > 10 or " " not in text
    assert sum(LINE in str(asked["messages"]) for asked in model.requests) in (0, 2)


async def test_a_server_that_drops_the_space_before_a_word_does_not_continue() -> None:
    async def answer(request: Request) -> Response:
        messages = (await request.json())["messages"]
        beginning = messages[-1]["content"] if messages[-1]["role"] == "assistant" else ""
        whole = LINE if LINE in messages[1]["content"] else "one two three four five six seven eight"
        rest = whole.removeprefix(beginning).lstrip()
        return JSONResponse({"choices": [{"message": {"content": rest}, "finish_reason": "stop"}]})

    prefix = "one two three four five six sev"
    async with endpoint_of(Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])])) as endpoint:
        items = await items_of(endpoint, prefix)

    assert text_of(items, prefix) == "one two three four five six seven eight"


@pytest.mark.parametrize(("setting", "roles"), [("yes", ["assistant"]), ("no", ["user"])])
async def test_the_setting_says_whether_an_answer_is_continued(setting: str, roles: Sequence[str]) -> None:
    model = FakeModel()

    async with endpoint_of(model, openai_continues=setting) as endpoint:
        await items_of(endpoint, "Near infrared light passes through the")

    assert [asked["messages"][-1]["role"] for asked in model.requests] == roles


def one_at_a_time(interrupted: list[int], *, announces_end: bool) -> Starlette:
    """A server that ends the running answer when it gets another request, as llama-cpp-python's does."""
    newest = 0

    async def answer(_request: Request) -> Response:
        nonlocal newest
        newest += 1
        return StreamingResponse(pieces(newest), media_type="text/event-stream")

    async def pieces(number: int) -> AsyncGenerator[str]:
        for word in ["Light ", "is ", "red ", "and ", "warm."]:
            yield f"data: {json.dumps({'choices': [{'delta': {'content': word}}]})}\n\n"
            await asyncio.sleep(0.1)
            if number != newest:
                interrupted.append(number)
                if announces_end:
                    yield "data: [DONE]\n\n"
                return
        yield 'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'

    return Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])])


@pytest.mark.parametrize("announces_end", [True, False])
async def test_a_server_whose_requests_interrupt_each_other_gets_one_at_a_time(*, announces_end: bool) -> None:
    interrupted: list[int] = []

    async with endpoint_of(one_at_a_time(interrupted, announces_end=announces_end)) as endpoint:
        first = asyncio.create_task(items_of(endpoint))
        await asyncio.sleep(0.15)
        second = asyncio.create_task(items_of(endpoint))
        with pytest.raises(GeneratorAway, match=r"one at a time.*DYNAVERA_OPENAI_CONCURRENCY"):
            await first
        items = await asyncio.gather(second, items_of(endpoint), items_of(endpoint))

    assert [text_of(each) for each in items] == ["Light is red and warm."] * 3
    assert interrupted == [1]


async def test_requests_beyond_the_limit_wait_and_say_so() -> None:
    model = FakeModel(delay=0.05)

    async with endpoint_of(model, openai_concurrency=2) as endpoint:
        items = await asyncio.gather(*(items_of(endpoint) for _ in range(3)))

    notes = [item.message for each in items for item in each if isinstance(item, StatusNote)]
    assert notes == ["1st in the queue for openai:fake."]
    assert all(isinstance(each[-1], Finished) for each in items)
