"""The MCP prompt, with the official client over HTTP."""

import pytest
from mcp import MCPError
from mcp_types import INVALID_PARAMS, TextContent

from tests.mcp_service.clients import REVISIONS, mcp_client
from tests.mcp_service.running import Running, upload

NAME = "answer_with_sources"
FNIRS = "# fNIRS\n\nFunctional near-infrared spectroscopy (fNIRS) measures blood oxygen with light.\n"
EEG = "# EEG\n\nElectroencephalography (EEG) records voltages on the scalp.\n"


@pytest.mark.parametrize("mode", REVISIONS)
async def test_the_prompt_lists_its_arguments(service: Running, mode: str) -> None:
    async with mcp_client(service, mode=mode) as client:
        [prompt] = (await client.list_prompts()).prompts

    assert (prompt.name, prompt.title) == (NAME, "Answer with sources")
    arguments = [(each.name, each.required) for each in prompt.arguments or []]
    assert arguments == [("question", True), ("collection", False), ("top_k", False)]
    assert all(each.description for each in prompt.arguments or [])


@pytest.mark.parametrize("mode", REVISIONS)
async def test_the_prompt_has_numbered_passages_and_the_question(service: Running, mode: str) -> None:
    async with service.client() as plain, mcp_client(service, mode=mode) as client:
        await upload(plain, fnirs_md=FNIRS, eeg_md=EEG)
        got = await client.get_prompt(NAME, {"question": "What is fNIRS?", "top_k": "1"})

    [message] = got.messages
    assert isinstance(message.content, TextContent)
    text = message.content.text
    assert message.role == "user"
    assert "measures blood oxygen with light" in text
    assert "voltages" not in text
    assert "fnirs.md" in text
    assert "[n]" in text
    assert "What is fNIRS?" in text


async def test_the_prompt_searches_the_given_collection(service: Running) -> None:
    async with service.client() as plain, mcp_client(service) as client:
        await upload(plain, "light", fnirs_md=FNIRS)
        await upload(plain, "voltage", eeg_md=EEG)
        got = await client.get_prompt(NAME, {"question": "What is measured?", "collection": "voltage"})

    content = got.messages[0].content
    assert isinstance(content, TextContent)
    assert "voltages on the scalp" in content.text
    assert "blood oxygen" not in content.text


REFUSALS: list[tuple[str, dict[str, str], str]] = [
    ("no_such_prompt", {"question": "q"}, "prompt_not_found"),
    (NAME, {}, "invalid_arguments"),
    (NAME, {"question": " "}, "invalid_arguments"),
    (NAME, {"question": "q", "top_k": "many"}, "invalid_arguments"),
    (NAME, {"question": "q", "top_k": "51"}, "invalid_arguments"),
    (NAME, {"question": "q", "collection": "../etc"}, "invalid_arguments"),
    (NAME, {"question": "q", "mood": "good"}, "invalid_arguments"),
    (NAME, {"question": "q", "collection": "nope"}, "unknown_collection"),
]


@pytest.mark.parametrize("mode", REVISIONS)
async def test_a_bad_prompt_request_is_refused_with_a_reason(service: Running, mode: str) -> None:
    refused: list[MCPError] = []

    async with mcp_client(service, mode=mode) as client:
        for name, arguments, _ in REFUSALS:
            with pytest.raises(MCPError) as error:
                await client.get_prompt(name, arguments)
            refused.append(error.value)

    codes = [error.data["code"] for error in refused]
    assert codes == [code for _, _, code in REFUSALS]
    assert all(error.data["detail"].endswith(".") for error in refused)
    assert [error.code == INVALID_PARAMS for error in refused] == [code != "unknown_collection" for code in codes]


async def test_the_prompt_has_no_documents_of_another_user(service: Running) -> None:
    other = await service.another_user()

    async with service.client() as plain, mcp_client(service, other.api_key) as theirs:
        await upload(plain, fnirs_md=FNIRS)
        got = await theirs.get_prompt(NAME, {"question": "What is fNIRS?"})

    content = got.messages[0].content
    assert isinstance(content, TextContent)
    assert "blood oxygen" not in content.text


async def test_a_users_key_cannot_name_another_user_for_the_prompt(service: Running) -> None:
    other = await service.another_user()

    async with mcp_client(service, other.api_key) as theirs:
        with pytest.raises(MCPError) as refused:
            await theirs.get_prompt(NAME, {"question": "q"}, meta={"dynavera/user": str(service.owner.id)})

    assert refused.value.data["code"] == "not_yourself"
