"""The generator for OpenAI-compatible endpoints, against a small honest one."""

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
from mcp_service.generators.generator import (
    Ask,
    Ending,
    GeneratorAway,
    GeneratorGarbled,
    GeneratorRefused,
    GeneratorSilent,
    GeneratorUnavailable,
    Piece,
    Told,
)
from mcp_service.generators.openai_compatible import OpenAiCompatible, open_client
from mcp_service.generators.patience import Silence
from mcp_service.tokens import tokens_in
from tests.fakes import FakeModel
from tests.serving import free_port, serving

PASSAGES = [GivenPassage(text="Light passes through the skull.", document="light.md")]
PATIENT = Silence(prompt=timedelta(seconds=30), token=timedelta(seconds=30))
SOON = timedelta(seconds=0.5)


async def told(model: ASGIApp, prefix: str = "", max_tokens: int = 200, silence: Silence = PATIENT) -> list[Told]:
    heard: list[Told] = []
    await tell(heard, model, prefix, max_tokens, silence)
    return heard


async def tell(
    heard: list[Told], model: ASGIApp, prefix: str = "", max_tokens: int = 200, silence: Silence = PATIENT
) -> None:
    """Put what is told into `heard`, which has what came before an error too."""
    async with serving(model) as url:
        settings = Settings(openai_base_url=HttpUrl(f"{url}/v1"), openai_api_key=SecretStr("sk-test"))
        async with open_client(settings) as client:
            generator = OpenAiCompatible("openai:fake", "fake", client, silence)
            ask = Ask("Does light pass?", PASSAGES, "Be brief.", max_tokens, 0.3, prefix)
            async for item in generator.stream(ask):
                heard.append(item)  # noqa: PERF401 -- what came before an error is kept


def text_of(items: list[Told], prefix: str = "") -> str:
    for item in items:
        if isinstance(item, Piece):
            prefix = prefix[: item.offset] + item.text
    return prefix


async def test_the_endpoint_is_asked_with_the_prompt_and_the_key() -> None:
    model = FakeModel()

    items = await told(model)

    [asked] = model.requests
    assert text_of(items) == model.text
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert asked["messages"][0]["content"].endswith("Be brief.")
    assert "Light passes through the skull." in asked["messages"][1]["content"]
    assert (asked["model"], asked["temperature"], asked["max_tokens"]) == ("fake", 0.3, 200)
    assert model.authorizations == ["Bearer sk-test"]


async def test_what_the_endpoint_counts_is_the_usage() -> None:
    items = await told(FakeModel(words=["a", "b", "c"]), max_tokens=2)

    ending = items[-1]
    assert isinstance(ending, Ending)
    assert ending.finish_reason == "length"
    assert ending.usage.completion_tokens == 2
    assert ending.usage.prompt_tokens > 10


async def test_a_prefix_is_the_last_message_up_to_a_whole_word_and_is_continued() -> None:
    model = FakeModel(words=[f"word{number}" for number in range(20)])
    prefix = "word0 word1 word2 word3 word4 word5"

    items = await told(model, prefix)

    assert model.requests[0]["messages"][-1] == {"role": "assistant", "content": "word0 word1 word2 word3 word4"}
    assert isinstance(items[0], Piece)
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
async def test_an_answer_is_continued_wherever_it_broke_off(prefix: str) -> None:
    model = FakeModel(words=["The", "light", "of", "an", "fNIRS", "optode", "is", "weak.", "The", "end", "T."])

    items = await told(model, prefix)

    pieces = [item for item in items if isinstance(item, Piece)]
    assert text_of(items, prefix) == model.text
    assert not pieces or len(prefix) < 24 or pieces[0].offset == len(prefix)


async def test_an_endpoint_that_goes_on_otherwise_than_before_is_not_glued_to_what_it_does_not_follow() -> None:
    model = FakeModel(words=["The", "light", "passes", "through", "the", "scalp", "too."])
    prefix = "The light passes through the sk"

    items = await told(model, prefix)

    assert text_of(items, prefix) == model.text


@pytest.mark.parametrize(
    ("words", "prefix"),
    [
        (["The", "same", "beginning", "as", "the", "prefix", "has."], "The same beginning as the prefix "),
        (["Another", "answer", "altogether", "now."], "The light passes through the skull and"),
        (["Short."], "The light passes through the skull and"),
    ],
)
async def test_an_answer_anew_starts_over(words: list[str], prefix: str) -> None:
    model = FakeModel(words=words, answers_anew=True)

    items = await told(model, prefix)

    assert isinstance(items[0], Piece)
    assert items[0].offset == 0
    assert text_of(items, prefix) == model.text


@pytest.mark.parametrize("model", [FakeModel(answers_anew=True), FakeModel(refuses_prefix=True)], ids=["anew", "400"])
async def test_an_endpoint_that_does_not_continue_is_asked_again_without_the_prefix(model: FakeModel) -> None:
    prefix = "Near infrared light passes through the"

    items = await told(model, prefix, max_tokens=7)

    ending = items[-1]
    assert [asked["messages"][-1]["role"] for asked in model.requests] == ["assistant", "user"]
    assert model.requests[1]["max_tokens"] == 7
    assert isinstance(items[0], Piece)
    assert items[0].offset == 0
    assert text_of(items, prefix) == model.text
    assert isinstance(ending, Ending)
    assert (ending.finish_reason, ending.usage.completion_tokens) == ("stop", 7)


async def test_a_request_that_is_refused_for_another_reason_stays_refused() -> None:
    model = FakeModel(fails_with=400)

    with pytest.raises(GeneratorRefused, match=r"^The endpoint of 'openai:fake' refuses the request .*: not now\)\.$"):
        await told(model, "Near infrared light passes through the")

    assert len(model.requests) == 2


async def test_the_usage_of_a_continued_answer_counts_all_of_it() -> None:
    model = FakeModel(words=[f"word{number}" for number in range(20)])

    ending = (await told(model, "word0 word1 word2 word3 word4 word5"))[-1]

    assert isinstance(ending, Ending)
    assert ending.usage.completion_tokens == tokens_in("word0 word1 word2 word3 word4") + 15


async def test_a_short_prefix_is_written_again() -> None:
    model = FakeModel(words=["The", "light", "passes."])

    items = await told(model, "The li")

    assert len(model.requests[0]["messages"]) == 2
    assert text_of(items, "The li") == model.text


@pytest.mark.parametrize("holds_status", [False, True])
async def test_a_model_that_does_not_begin_is_given_up(*, holds_status: bool) -> None:
    model = FakeModel(hangs_after=0, holds_status=holds_status)

    with pytest.raises(GeneratorSilent, match="DYNAVERA_PROMPT_TIMEOUT") as silent:
        await told(model, silence=Silence(prompt=SOON, token=PATIENT.token))

    assert silent.value.retryable
    assert len(model.left_at) == 1


async def test_a_model_that_falls_silent_is_given_up_and_what_it_wrote_is_told() -> None:
    model = FakeModel(hangs_after=3)
    heard: list[Told] = []

    with pytest.raises(GeneratorSilent, match="DYNAVERA_TOKEN_TIMEOUT") as silent:
        await tell(heard, model, silence=Silence(prompt=PATIENT.prompt, token=SOON))

    assert silent.value.code == "generator_silent"
    assert text_of(heard) == "Near infrared light"
    assert len(model.left_at) == 1


async def test_a_slow_model_is_not_a_silent_one() -> None:
    model = FakeModel(delay=0.2)

    # Seven tokens take longer than the limit, each of them less.
    items = await told(model, silence=Silence(prompt=2 * SOON, token=2 * SOON))

    assert text_of(items) == model.text


async def test_a_busy_endpoint_says_when_to_come_back() -> None:
    with pytest.raises(GeneratorAway, match="429 Too Many Requests") as away:
        await told(FakeModel(fails_with=429, retry_after="7"))

    assert away.value.retry_after_seconds == 7


async def test_an_endpoint_that_is_not_there_is_away() -> None:
    settings = Settings(openai_base_url=HttpUrl(f"http://127.0.0.1:{free_port()}/v1"))

    async with open_client(settings) as client:
        with pytest.raises(GeneratorAway, match="OPENAI_BASE_URL"):
            await anext(OpenAiCompatible("openai:m", "m", client, PATIENT).stream(Ask("q", PASSAGES, "", 9, 0.2)))


PAGE = "<!doctype html>\n<title>Welcome</title>\n"
BEGINNING = 'data: {"choices": [{"delta": {"content": "Near infrared"}}]}\n\n'


def something_else(body: str | bytes, kind: str = "text/event-stream") -> Starlette:
    """What answers 200 to everything, and is no model."""

    async def answer(_request: Request) -> Response:
        return Response(body, media_type=kind)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])


@pytest.mark.parametrize(
    "endpoint",
    [
        something_else(PAGE, "text/html"),
        something_else('{"error": "Unexpected endpoint"}', "application/json"),
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
                '{"choices": [7]}',
                '{"choices": [{"delta": null}]}',
                '{"choices": [{"delta": {"content": 7}}]}',
                '{"choices": [], "usage": {"prompt_tokens": "many"}}',
            )
        ),
    ],
)
async def test_what_is_no_model_at_all_is_not_asked_again(endpoint: Starlette) -> None:
    with pytest.raises(GeneratorRefused, match=r"OPENAI_BASE_URL right\? .* ends with /v1") as refused:
        await told(endpoint)

    assert refused.value.retryable is False


@pytest.mark.parametrize("garbage", ["data: {nonsense\n\n", "data: {}\n\n"])
async def test_garbage_in_the_middle_of_an_answer_may_pass(garbage: str) -> None:
    heard: list[Told] = []

    with pytest.raises(GeneratorGarbled, match="sent what cannot be read in the middle of the answer") as garbled:
        await tell(heard, something_else(BEGINNING + garbage))

    assert garbled.value.retryable
    assert text_of(heard) == "Near infrared"


async def test_a_page_instead_of_the_rest_of_an_answer_may_pass() -> None:
    with pytest.raises(GeneratorGarbled):
        await told(something_else(PAGE, "text/html"), prefix="Near infrared light passes")


async def test_an_answer_under_another_media_type_is_one() -> None:
    ending = 'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'

    items = await told(something_else(BEGINNING + ending, "text/plain"))

    assert text_of(items) == "Near infrared"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500, 503])
async def test_a_key_is_in_no_error_and_no_log(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    model = FakeModel(fails_with=status, says="You showed me sk-test, which is wrong.")

    with pytest.raises((GeneratorAway, GeneratorRefused)) as refused:
        await told(model)

    assert model.authorizations == ["Bearer sk-test"]
    assert "sk-test" not in str(refused.value)
    assert "sk-test" not in caplog.text


async def test_a_key_is_in_no_log_when_all_goes_well(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    await told(FakeModel())

    assert caplog.text
    assert "sk-test" not in caplog.text


async def written_at(base_url: str) -> str:
    """What is written by the model that is reached at `base_url`."""
    settings = Settings(openai_base_url=HttpUrl(base_url), openai_api_key=SecretStr("sk-test"))
    async with open_client(settings) as client:
        generator = OpenAiCompatible("openai:fake", "fake", client, PATIENT)
        ask = Ask("Does light pass?", PASSAGES, "", 200, 0.3)
        return text_of([item async for item in generator.stream(ask)])


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel()

    async with serving(model) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.delenv("NO_PROXY", raising=False)
        written = await written_at("http://model.test/v1")

    # A proxy is asked for the whole address: nothing else could have reached a host that does not exist.
    assert written == model.text


async def test_a_host_that_needs_no_proxy_is_reached_without(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel()
    nothing = f"http://127.0.0.1:{free_port()}"

    async with serving(model) as url:
        monkeypatch.setenv("HTTP_PROXY", nothing)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        written = await written_at(f"{url}/v1")

    assert written == model.text


async def test_an_encrypted_endpoint_is_reached_by_a_tunnel_that_does_not_see_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        with pytest.raises(GeneratorAway, match="cannot be reached"):
            await written_at("https://model.test/v1")

    assert heard[0].startswith(b"CONNECT model.test:443 ")
    assert b"sk-test" not in heard[0]


def test_without_an_endpoint_it_says_what_to_set() -> None:
    with pytest.raises(GeneratorUnavailable, match="OPENAI_BASE_URL"):
        open_client(Settings(openai_base_url=None, openai_api_key=None))
