"""The generator for OpenAI-compatible endpoints, against a fake endpoint."""

import asyncio
import logging
from datetime import timedelta

import pytest
from pydantic import HttpUrl, SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from dynavera.contracts.mcp import GivenPassage
from dynavera.settings import Settings
from dynavera.web.errors import GeneratorUnavailable
from mcp_service.generators.endpoint.client import open_endpoint
from mcp_service.generators.endpoint.generator import OpenAiCompatible
from mcp_service.generators.generator import (
    Finished,
    GenerationItem,
    GeneratorAway,
    GeneratorGarbled,
    GeneratorInput,
    GeneratorRefused,
    GeneratorSilent,
    TextDelta,
)
from mcp_service.generators.silence_timeout import SilenceLimits
from mcp_service.token_estimates import estimate_tokens
from tests.fakes import FakeModel
from tests.serving import free_port, serving

PASSAGES = [GivenPassage(text="Light passes through the skull.", document="light.md")]
RELAXED = SilenceLimits(first_token=timedelta(seconds=30), next_token=timedelta(seconds=30))
SOON = timedelta(seconds=0.5)


async def collect(
    model: ASGIApp, prefix: str = "", max_tokens: int = 200, silence: SilenceLimits = RELAXED
) -> list[GenerationItem]:
    received: list[GenerationItem] = []
    await collect_into(received, model, prefix, max_tokens, silence)
    return received


async def collect_into(
    received: list[GenerationItem],
    model: ASGIApp,
    prefix: str = "",
    max_tokens: int = 200,
    silence: SilenceLimits = RELAXED,
) -> None:
    """Append the items to `received`, which then also has those before an error."""
    async with serving(model) as url:
        settings = Settings(
            openai_base_url=HttpUrl(f"{url}/v1"), openai_api_key=SecretStr("sk-test"), openai_continues="yes"
        )
        async with open_endpoint(settings) as endpoint:
            generator = OpenAiCompatible("openai:fake", "fake", endpoint, silence)
            inputs = GeneratorInput("Does light pass?", PASSAGES, "Be brief.", max_tokens, 0.3, prefix)
            async for item in generator.stream(inputs):
                received.append(item)  # noqa: PERF401 -- keeps the items before an error


def text_of(items: list[GenerationItem], prefix: str = "") -> str:
    for item in items:
        if isinstance(item, TextDelta):
            prefix = prefix[: item.offset] + item.text
    return prefix


async def test_a_request_has_the_prompt_and_the_key() -> None:
    model = FakeModel()

    items = await collect(model)

    [received] = model.requests
    assert text_of(items) == model.text
    assert [message["role"] for message in received["messages"]] == ["system", "user"]
    assert received["messages"][0]["content"].endswith("Be brief.")
    assert "Light passes through the skull." in received["messages"][1]["content"]
    assert (received["model"], received["temperature"], received["max_tokens"]) == ("fake", 0.3, 200)
    assert model.authorizations == ["Bearer sk-test"]


async def test_usage_is_what_the_endpoint_reports() -> None:
    items = await collect(FakeModel(words=["a", "b", "c"]), max_tokens=2)

    ending = items[-1]
    assert isinstance(ending, Finished)
    assert ending.finish_reason == "length"
    assert ending.usage.completion_tokens == 2
    assert ending.usage.prompt_tokens > 10


async def test_a_prefix_is_sent_up_to_its_last_whole_word_and_continued() -> None:
    model = FakeModel(words=[f"word{number}" for number in range(20)])
    prefix = "word0 word1 word2 word3 word4 word5"

    items = await collect(model, prefix)

    assert model.requests[0]["messages"][-1] == {"role": "assistant", "content": "word0 word1 word2 word3 word4"}
    assert isinstance(items[0], TextDelta)
    assert items[0].offset == len(prefix)
    assert text_of(items, prefix) == model.text


@pytest.mark.parametrize(
    "prefix",
    [
        "The light of an f",
        "The light of an fNIRS optode is",
        "The light of an fNIRS optode is weak.",
        "The light of an fNIRS optode is weak. ",
        "The light of an fNIRS optode is weak. The",
        "The light of an fNIRS optode is weak. The end",
        "The light of an fNIRS optode is weak. The end T",
        "The light of an fNIRS optode is weak. The end T.",
    ],
)
async def test_an_answer_is_continued_from_any_position(prefix: str) -> None:
    model = FakeModel(words=["The", "light", "of", "an", "fNIRS", "optode", "is", "weak.", "The", "end", "T."])

    items = await collect(model, prefix)

    pieces = [item for item in items if isinstance(item, TextDelta)]
    assert text_of(items, prefix) == model.text
    assert not pieces or len(prefix) < 24 or pieces[0].offset == len(prefix)


async def test_a_continuation_that_differs_from_the_prefix_replaces_its_end() -> None:
    model = FakeModel(words=["The", "light", "passes", "through", "the", "scalp", "too."])
    prefix = "The light passes through the sk"

    items = await collect(model, prefix)

    assert text_of(items, prefix) == model.text


@pytest.mark.parametrize(
    ("words", "prefix"),
    [
        (["The", "same", "beginning", "as", "the", "prefix", "has."], "The same beginning as the prefix "),
        (["Another", "answer", "altogether", "now."], "The light passes through the skull and"),
        (["Short."], "The light passes through the skull and"),
    ],
)
async def test_a_new_answer_replaces_the_prefix(words: list[str], prefix: str) -> None:
    model = FakeModel(words=words, restarts_answer=True)

    items = await collect(model, prefix)

    assert isinstance(items[0], TextDelta)
    assert items[0].offset == 0
    assert text_of(items, prefix) == model.text


@pytest.mark.parametrize(
    "model", [FakeModel(restarts_answer=True), FakeModel(refuses_prefix=True)], ids=["new answer", "400"]
)
async def test_an_endpoint_that_does_not_continue_is_asked_again_without_the_prefix(model: FakeModel) -> None:
    prefix = "Near infrared light passes through the"

    items = await collect(model, prefix, max_tokens=7)

    ending = items[-1]
    assert [received["messages"][-1]["role"] for received in model.requests] == ["assistant", "user"]
    assert model.requests[1]["max_tokens"] == 7
    assert isinstance(items[0], TextDelta)
    assert items[0].offset == 0
    assert text_of(items, prefix) == model.text
    assert isinstance(ending, Finished)
    assert (ending.finish_reason, ending.usage.completion_tokens) == ("stop", 7)


async def test_a_request_refused_for_another_reason_fails() -> None:
    model = FakeModel(fails_with=400)

    with pytest.raises(GeneratorRefused, match=r"^The endpoint of 'openai:fake' refuses the request .*: not now\)\.$"):
        await collect(model, "Near infrared light passes through the")

    assert len(model.requests) == 2


async def test_usage_of_a_continued_answer_includes_the_prefix() -> None:
    model = FakeModel(words=[f"word{number}" for number in range(20)])

    ending = (await collect(model, "word0 word1 word2 word3 word4 word5"))[-1]

    assert isinstance(ending, Finished)
    assert ending.usage.completion_tokens == estimate_tokens("word0 word1 word2 word3 word4") + 15


async def test_a_short_prefix_is_written_again() -> None:
    model = FakeModel(words=["The", "light", "passes."])

    items = await collect(model, "The li")

    assert len(model.requests[0]["messages"]) == 2
    assert text_of(items, "The li") == model.text


@pytest.mark.parametrize("delays_status", [False, True])
async def test_a_model_without_a_first_token_times_out(*, delays_status: bool) -> None:
    model = FakeModel(hangs_after=0, delays_status=delays_status)

    with pytest.raises(GeneratorSilent, match="DYNAVERA_PROMPT_TIMEOUT") as silent:
        await collect(model, silence=SilenceLimits(first_token=SOON, next_token=RELAXED.next_token))

    assert silent.value.retryable
    assert len(model.disconnected_at) == 1


async def test_a_model_that_stops_sending_times_out_after_its_text() -> None:
    model = FakeModel(hangs_after=3)
    received: list[GenerationItem] = []

    with pytest.raises(GeneratorSilent, match="DYNAVERA_TOKEN_TIMEOUT") as silent:
        await collect_into(received, model, silence=SilenceLimits(first_token=RELAXED.first_token, next_token=SOON))

    assert silent.value.code == "generator_silent"
    assert text_of(received) == "Near infrared light"
    assert len(model.disconnected_at) == 1


async def test_a_slow_model_does_not_time_out() -> None:
    model = FakeModel(delay=0.2)

    # Seven tokens take longer than the limit, each of them less.
    items = await collect(model, silence=SilenceLimits(first_token=2 * SOON, next_token=2 * SOON))

    assert text_of(items) == model.text


async def test_retry_after_of_a_busy_endpoint_is_kept() -> None:
    with pytest.raises(GeneratorAway, match="429 Too Many Requests") as away:
        await collect(FakeModel(fails_with=429, retry_after="7"))

    assert away.value.retry_after_seconds == 7


async def test_an_unreachable_endpoint_is_retryable() -> None:
    settings = Settings(openai_base_url=HttpUrl(f"http://127.0.0.1:{free_port()}/v1"))

    async with open_endpoint(settings) as endpoint:
        with pytest.raises(GeneratorAway, match="OPENAI_BASE_URL"):
            await anext(
                OpenAiCompatible("openai:m", "m", endpoint, RELAXED).stream(GeneratorInput("q", PASSAGES, "", 9, 0.2))
            )


PAGE = "<!doctype html>\n<title>Welcome</title>\n"
BEGINNING = 'data: {"choices": [{"delta": {"content": "Near infrared"}}]}\n\n'


def something_else(body: str | bytes, kind: str = "text/event-stream") -> Starlette:
    """A server that is not a model: it answers 200 to everything."""

    async def answer(_request: Request) -> Response:
        return Response(body, media_type=kind)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])


@pytest.mark.parametrize(
    "endpoint",
    [
        something_else(PAGE, "text/html"),
        something_else("It works!", "text/plain"),
        something_else("", "text/plain"),
        something_else("data: hello\n\n"),
        something_else(b"data: \xff\n\n"),
        *(
            something_else(f"data: {data}\n\n")
            for data in (
                "null",
                "7",
                "[]",
                "{}",
            )
        ),
    ],
)
async def test_a_server_that_is_not_compatible_is_not_retryable(endpoint: Starlette) -> None:
    with pytest.raises(GeneratorRefused, match=r"OPENAI_BASE_URL right\? .* ends with /v1") as refused:
        await collect(endpoint)

    assert refused.value.retryable is False


async def test_an_invalid_chunk_in_an_answer_is_retryable() -> None:
    received: list[GenerationItem] = []

    with pytest.raises(GeneratorGarbled, match="sent an invalid chunk in the middle of the answer") as garbled:
        await collect_into(received, something_else(BEGINNING + "data: {nonsense\n\n"))

    assert garbled.value.retryable
    assert text_of(received) == "Near infrared"


async def test_an_html_page_instead_of_a_continuation_is_not_retryable() -> None:
    with pytest.raises(GeneratorRefused):
        await collect(something_else(PAGE, "text/html"), prefix="Near infrared light passes")


async def test_an_answer_with_another_media_type_is_accepted() -> None:
    ending = 'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'

    items = await collect(something_else(BEGINNING + ending, "text/plain"))

    assert text_of(items) == "Near infrared"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500, 503])
async def test_the_key_is_in_no_error_and_no_log(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    model = FakeModel(fails_with=status, error_message="You showed me sk-test, which is wrong.")

    with pytest.raises((GeneratorAway, GeneratorRefused)) as refused:
        await collect(model)

    assert model.authorizations == ["Bearer sk-test"]
    assert "sk-test" not in str(refused.value)
    assert "sk-test" not in caplog.text


async def test_the_key_is_not_logged_on_success(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    await collect(FakeModel())

    assert caplog.text
    assert "sk-test" not in caplog.text


async def written_at(base_url: str) -> str:
    """The answer of the model at `base_url`."""
    settings = Settings(openai_base_url=HttpUrl(base_url), openai_api_key=SecretStr("sk-test"))
    async with open_endpoint(settings) as endpoint:
        generator = OpenAiCompatible("openai:fake", "fake", endpoint, RELAXED)
        inputs = GeneratorInput("Does light pass?", PASSAGES, "", 200, 0.3)
        return text_of([item async for item in generator.stream(inputs)])


async def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel()

    async with serving(model) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.delenv("NO_PROXY", raising=False)
        written = await written_at("http://model.test/v1")

    # The host does not exist, so only a proxy can have answered.
    assert written == model.text


async def test_no_proxy_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel()
    nothing = f"http://127.0.0.1:{free_port()}"

    async with serving(model) as url:
        monkeypatch.setenv("HTTP_PROXY", nothing)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        written = await written_at(f"{url}/v1")

    assert written == model.text


async def test_https_goes_through_a_tunnel_that_does_not_see_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    received: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        with pytest.raises(GeneratorAway, match="cannot be reached"):
            await written_at("https://model.test/v1")

    assert received[0].startswith(b"CONNECT model.test:443 ")
    assert b"sk-test" not in received[0]


def test_without_an_endpoint_the_error_names_the_setting() -> None:
    with pytest.raises(GeneratorUnavailable, match="OPENAI_BASE_URL"):
        open_endpoint(Settings(openai_base_url=None, openai_api_key=None))
