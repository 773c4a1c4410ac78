"""The generator for OpenAI-compatible endpoints, against a small honest one."""

import pytest
from pydantic import HttpUrl, SecretStr

from dynavera.contracts.mcp import GivenPassage
from dynavera.settings import Settings
from mcp_service.generators.generator import Ask, Ending, GeneratorAway, GeneratorUnavailable, Piece, Told
from mcp_service.generators.openai_compatible import OpenAiCompatible, open_client
from tests.fakes import FakeModel
from tests.serving import free_port, serving

PASSAGES = [GivenPassage(text="Light passes through the skull.", document="light.md")]


async def told(model: FakeModel, prefix: str = "", max_tokens: int = 200) -> list[Told]:
    async with serving(model) as url:
        settings = Settings(openai_base_url=HttpUrl(f"{url}/v1"), openai_api_key=SecretStr("sk-test"))
        async with open_client(settings) as client:
            generator = OpenAiCompatible("openai:fake", "fake", client)
            ask = Ask("Does light pass?", PASSAGES, "Be brief.", max_tokens, 0.3, prefix)
            return [item async for item in generator.stream(ask)]


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


async def test_a_short_prefix_is_written_again() -> None:
    model = FakeModel(words=["The", "light", "passes."])

    items = await told(model, "The li")

    assert len(model.requests[0]["messages"]) == 2
    assert text_of(items, "The li") == model.text


async def test_an_endpoint_that_is_not_there_is_away() -> None:
    settings = Settings(openai_base_url=HttpUrl(f"http://127.0.0.1:{free_port()}/v1"))

    async with open_client(settings) as client:
        with pytest.raises(GeneratorAway, match="OPENAI_BASE_URL"):
            await anext(OpenAiCompatible("openai:m", "m", client).stream(Ask("q", PASSAGES, "", 9, 0.2)))


async def test_a_key_is_in_no_error() -> None:
    with pytest.raises(Exception, match="OPENAI_API_KEY") as refused:
        await told(FakeModel(fails_with=401))

    assert "sk-test" not in str(refused.value)


def test_without_an_endpoint_it_says_what_to_set() -> None:
    with pytest.raises(GeneratorUnavailable, match="OPENAI_BASE_URL"):
        open_client(Settings(openai_base_url=None, openai_api_key=None))
