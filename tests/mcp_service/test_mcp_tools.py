"""The MCP tools, with the official client over HTTP."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mcp import MCPError
from mcp_types import INVALID_PARAMS

from dynavera.contracts.mcp import MAX_ANSWER_BYTES
from mcp_service.limits import ServiceLimits
from tests.fakes import FakeModel
from tests.mcp_service.clients import REVISIONS, Progress, ToolRefused, call, mcp_client
from tests.mcp_service.running import Running, running_service, upload
from tests.serving import serving, until

FNIRS = "# fNIRS\n\nFunctional near-infrared spectroscopy (fNIRS) is an optical method that measures blood oxygen.\n"
EEG = "# EEG\n\nElectroencephalography (EEG) records voltages on the scalp.\n"
PASSAGE = {"text": FNIRS, "document": "fnirs.md"}


async def test_the_four_tools_have_output_schemas(service: Running) -> None:
    async with mcp_client(service) as client:
        tools = (await client.list_tools()).tools

    assert {tool.name for tool in tools} == {"retrieve", "generate", "stop_generation", "list_documents"}
    assert all(tool.output_schema for tool in tools)
    assert all("context" not in tool.input_schema["properties"] for tool in tools)


@pytest.mark.parametrize("mode", REVISIONS)
async def test_a_question_is_answered_by_retrieve_and_generate(service: Running, mode: str) -> None:
    progress = Progress()

    async with service.client() as plain, mcp_client(service, mode=mode) as client:
        [document] = await upload(plain, fnirs_md=FNIRS)
        found = await call(client, "retrieve", {"query": "What is fNIRS?"})
        passages = found["passages"]
        answer = await call(client, "generate", {"query": "What is fNIRS?", "passages": passages}, progress)
        listed = await call(client, "list_documents", {})

    generated = answer
    assert set(passages[0]) == {
        *("document_id", "document", "passage_id", "text", "score", "sha256"),
        *("heading", "also_in"),
    }
    assert generated["text"].startswith("Functional near-infrared spectroscopy (fNIRS) is an optical method")
    assert (generated["generator"], generated["finish_reason"]) == ("extractive", "stop")
    assert generated["text"].startswith(progress.text)
    assert listed["documents"] == [document | {"document_id": document["id"]}]
    assert passages[0]["document_id"] == document["id"]


async def test_progress_counts_code_points(service: Running) -> None:
    progress = Progress()
    passage = {"text": "Das Gehirn 🧠 braucht Sauerstoff. Das Gehirn 🧠 ist ein Organ im Kopf."}

    async with mcp_client(service) as client:
        answer = await call(client, "generate", {"query": "Was ist das Gehirn?", "passages": [passage]}, progress)
        await until(lambda: progress.text == answer["text"])

    counted = 0
    for number, message in progress.received:
        counted += len(message)
        assert number == counted


async def test_an_empty_default_collection_is_not_an_error(service: Running) -> None:
    async with mcp_client(service) as client:
        found = await call(client, "retrieve", {"query": "anything"})
        answer = await call(client, "generate", {"query": "anything", "passages": []})

    assert found == {"passages": []}
    assert answer["text"].startswith("There is nothing to answer from")


REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("retrieve", {"query": " "}, "invalid_arguments"),
    ("retrieve", {"query": 7}, "invalid_arguments"),
    ("retrieve", {"query": "nul \x00"}, "invalid_arguments"),
    ("retrieve", {"query": "q", "top_k": 0}, "invalid_arguments"),
    ("retrieve", {"query": "q", "top_k": 51}, "invalid_arguments"),
    ("retrieve", {"query": "q", "collection": "../etc"}, "invalid_arguments"),
    ("retrieve", {"query": "q", "collection": "nope"}, "unknown_collection"),
    ("retrieve", {}, "invalid_arguments"),
    ("generate", {"query": "q"}, "invalid_arguments"),
    ("generate", {"query": "q", "passages": [{}]}, "invalid_arguments"),
    ("generate", {"query": "q", "passages": [], "max_tokens": 0}, "invalid_arguments"),
    ("generate", {"query": "q", "passages": [], "temperature": 3}, "invalid_arguments"),
    ("generate", {"query": "q", "passages": [], "generator": "magic"}, "unknown_generator"),
    ("generate", {"query": "q", "passages": [], "generator": "openai:"}, "unknown_generator"),
    ("generate", {"query": "q", "passages": [], "generator": "openai:m"}, "generator_unavailable"),
    ("generate", {"query": "q", "passages": [], "generator": "gpt4all:m"}, "generator_unavailable"),
    ("stop_generation", {"operation_id": ""}, "invalid_arguments"),
]


async def test_a_refused_call_is_a_result_that_a_model_can_read(service: Running) -> None:
    refused: list[ToolRefused] = []

    async with mcp_client(service) as client:
        for tool, arguments, _ in REFUSALS:
            with pytest.raises(ToolRefused) as error:
                await call(client, tool, arguments)
            refused.append(error.value)

    assert [error.refusal["code"] for error in refused] == [code for _, _, code in REFUSALS]
    assert [error.refusal["detail"] for error in refused] == [str(error) for error in refused]
    assert not any(error.refusal["retryable"] for error in refused)


async def test_an_unknown_tool_is_a_protocol_error(service: Running) -> None:
    async with mcp_client(service) as client:
        with pytest.raises(MCPError) as refused:
            await call(client, "no_such_tool", {})

    assert (refused.value.code, refused.value.data["code"]) == (INVALID_PARAMS, "invalid_arguments")


async def test_invalid_arguments_are_explained(service: Running) -> None:
    details: list[str] = []

    async with mcp_client(service) as client:
        for query in ("", "q" * 65_537):
            with pytest.raises(ToolRefused) as refused:
                await call(client, "retrieve", {"query": query})
            details.append(str(refused.value))

    assert details == [
        "query: must not be blank: it is the question.",
        "query: must have at most 65536 characters, and has 65537.",
    ]


async def test_refusals_do_not_repeat_argument_values(service: Running) -> None:
    async with mcp_client(service) as client:
        with pytest.raises(ToolRefused) as refused:
            await call(client, "retrieve", {"query": "q", "top_k": "hunter2"})

    assert "hunter2" not in json.dumps([str(refused.value), refused.value.refusal])
    assert "top_k" in str(refused.value)


async def test_the_service_token_acts_for_the_named_user(service: Running) -> None:
    other = await service.another_user()
    token = service.service_token.get_secret_value()

    async with service.client() as mine, service.client(other.api_key) as theirs, mcp_client(service, token) as client:
        await upload(mine, mine_md=FNIRS)
        await upload(theirs, theirs_md=EEG)
        named = await call(client, "list_documents", {}, user=str(other.id))
        first = await call(client, "list_documents", {})

    assert [document["name"] for document in named["documents"]] == ["theirs.md"]
    assert [document["name"] for document in first["documents"]] == ["mine.md"]


async def test_a_users_key_cannot_name_another_user(service: Running) -> None:
    other = await service.another_user()

    async with mcp_client(service, other.api_key) as client:
        with pytest.raises(MCPError) as refused:
            await call(client, "list_documents", {}, user=str(service.owner.id))

    assert refused.value.data["code"] == "not_yourself"


@pytest.mark.parametrize("named", ["nobody", "01890000-0000-7000-8000-000000000000"])
async def test_an_unknown_user_is_refused(service: Running, named: str) -> None:
    async with mcp_client(service, service.service_token.get_secret_value()) as client:
        with pytest.raises(MCPError) as refused:
            await call(client, "list_documents", {}, user=named)

    assert refused.value.data["code"] in {"bad_user", "user_not_found"}


@asynccontextmanager
async def with_model(folder: Path, model: FakeModel, **settings: Any) -> AsyncGenerator[Running]:
    async with (
        serving(model) as model_url,
        running_service(folder, openai_base_url=f"{model_url}/v1", generator="openai:fake", **settings) as service,
    ):
        yield service


async def test_a_stop_reaches_the_model_within_a_second(tmp_path: Path) -> None:
    model = FakeModel(words=["word"] * 1000, delay=0.02)
    arguments = {"query": "q", "passages": [PASSAGE], "operation_id": "one"}

    async with with_model(tmp_path, model) as service, mcp_client(service) as client:
        generating = asyncio.create_task(call(client, "generate", arguments))
        await until(lambda: model.emitted > 3)
        stopped = await call(client, "stop_generation", {"operation_id": "one"})
        await until(lambda: bool(model.disconnected_at), seconds=1)
        answer = await generating
        again = await call(client, "stop_generation", {"operation_id": "one"})

    partial = answer["text"]
    assert answer["finish_reason"] == "stopped"
    assert partial
    assert model.text.startswith(partial)
    assert stopped["stopped"] is True
    assert stopped["characters"] == len(partial)
    assert model.emitted_after_disconnect == 0
    assert again["stopped"] is False


@pytest.mark.parametrize("delays_status", [False, True])
async def test_a_stop_reaches_a_model_that_evaluates_the_prompt(tmp_path: Path, *, delays_status: bool) -> None:
    model = FakeModel(hangs_after=0, delays_status=delays_status)
    arguments = {"query": "q", "passages": [PASSAGE], "operation_id": "one"}

    async with with_model(tmp_path, model) as service, mcp_client(service) as client:
        generating = asyncio.create_task(call(client, "generate", arguments))
        await until(lambda: bool(model.requests))
        stopped = await call(client, "stop_generation", {"operation_id": "one"})
        await until(lambda: bool(model.disconnected_at), seconds=1)
        answer = await generating

    assert stopped["stopped"] is True
    assert (answer["finish_reason"], answer["text"]) == ("stopped", "")


async def test_a_silent_model_is_a_retryable_error(tmp_path: Path) -> None:
    model = FakeModel(hangs_after=2)
    limits = {"token_timeout": timedelta(seconds=0.2)}

    async with with_model(tmp_path, model, **limits) as service, mcp_client(service) as client:
        with pytest.raises(ToolRefused) as refused:
            await call(client, "generate", {"query": "q", "passages": [PASSAGE]})

    assert (refused.value.refusal["code"], refused.value.refusal["retryable"]) == ("generator_silent", True)
    assert "DYNAVERA_TOKEN_TIMEOUT" in refused.value.refusal["detail"]


@pytest.mark.parametrize("mode", REVISIONS)
async def test_a_cancelled_call_stops_the_model(tmp_path: Path, mode: str) -> None:
    model = FakeModel(words=["word"] * 1000, delay=0.02)

    async with with_model(tmp_path, model) as service, mcp_client(service, mode=mode) as client:
        generating = asyncio.create_task(call(client, "generate", {"query": "q", "passages": [PASSAGE]}))
        await until(lambda: model.emitted > 3)
        generating.cancel()
        await until(lambda: bool(model.disconnected_at), seconds=1)

    assert model.emitted < 100


async def test_a_second_call_of_an_operation_stops_the_first(tmp_path: Path) -> None:
    model = FakeModel(words=["word"] * 100, delay=0.01)
    arguments = {"query": "q", "passages": [PASSAGE], "operation_id": "one"}

    async with with_model(tmp_path, model) as service, mcp_client(service) as client:
        older = asyncio.create_task(call(client, "generate", arguments))
        await until(lambda: model.emitted > 3)
        newer = await call(client, "generate", arguments)
        stopped = await older

    assert stopped["finish_reason"] == "stopped"
    assert newer["text"] == model.text
    assert len(model.disconnected_at) == 1


async def test_a_user_cannot_stop_the_generation_of_another(tmp_path: Path) -> None:
    model = FakeModel(words=["word"] * 30, delay=0.01)
    arguments = {"query": "q", "passages": [PASSAGE], "operation_id": "one"}

    async with with_model(tmp_path, model) as service, mcp_client(service) as mine:
        other = await service.another_user()
        async with mcp_client(service, other.api_key) as theirs:
            generating = asyncio.create_task(call(mine, "generate", arguments))
            await until(lambda: model.emitted > 3)
            stopped = await call(theirs, "stop_generation", {"operation_id": "one"})
            answer = await generating

    assert stopped["stopped"] is False
    assert answer["text"] == model.text


async def test_an_endless_answer_is_refused(tmp_path: Path) -> None:
    model = FakeModel(words=["w" * (MAX_ANSWER_BYTES // 4)] * 10, delay=0.05)

    async with with_model(tmp_path, model) as service, mcp_client(service) as client:
        with pytest.raises(ToolRefused) as refused:
            await call(client, "generate", {"query": "q", "passages": [PASSAGE]})

    assert refused.value.refusal["code"] == "answer_too_large"
    assert model.emitted < 10


async def test_a_silent_generation_sends_keep_alives(tmp_path: Path) -> None:
    limits = ServiceLimits(keep_alive=timedelta(seconds=0.05))
    model = FakeModel(words=["one", "two"], delay=0.4)
    progress = Progress()

    async with with_model(tmp_path, model, limits=limits) as service, mcp_client(service) as client:
        await call(client, "generate", {"query": "q", "passages": [PASSAGE]}, progress)
        await until(lambda: progress.text == "one two")

    numbers = [number for number, _ in progress.received]
    asides = [(number, message) for number, message in progress.received if not number.is_integer()]
    assert len(asides) > 4
    assert {message for _, message in asides} == {""}
    assert numbers == sorted(set(numbers))


async def test_many_generations_send_their_tokens_together(tmp_path: Path) -> None:
    words = [f"word{number}" for number in range(200)]
    answers = [Progress() for _ in range(20)]

    async with with_model(tmp_path, FakeModel(words)) as service, mcp_client(service) as client:
        arguments = {"query": "q", "passages": [PASSAGE], "max_tokens": len(words)}
        await asyncio.gather(*(call(client, "generate", arguments, progress) for progress in answers))
        await until(lambda: all(progress.text == " ".join(words) for progress in answers))

    numbers = [[number for number, _ in progress.received] for progress in answers]
    assert all(each == sorted(set(each)) for each in numbers)
    # A notification costs as much as many tokens: one for each would delay all of them.
    assert sum(map(len, numbers)) < len(words) * len(answers) / 2


MCP_HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
NEW = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "retrieve"}


async def test_no_request_gets_a_server_error(service: Running) -> None:
    def called(arguments: str) -> bytes:
        meta = '"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", '
        meta += '"io.modelcontextprotocol/clientCapabilities": {}}'
        params = f'{{"name": "retrieve", "arguments": {arguments}, {meta}}}'
        return f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {params}}}'.encode()

    bodies = [
        *(
            b"",
            b"{",
            b"[]",
            b"null",
            b"\xff",
            b"[" * 100_000,
            b"1" * 5_000,
            b'{"jsonrpc": "2.0", "id": 1, "method": 7}',
        ),
        *(called(arguments) for arguments in ('{"query": "\\ud800"}', '{"query": "a\\u0000"}', '{"query": NaN}', "7")),
        *(called(arguments) for arguments in ('{"query": "q", "top_k": 1e999}', '{"query": "q", "top_k": [[]]}')),
    ]

    async with service.client() as client:
        answers = [
            await client.request(method, "/mcp", content=body, headers=MCP_HEADERS | version)
            for method in ("POST", "PUT", "DELETE", "PATCH")
            for version in ({}, NEW, {"MCP-Protocol-Version": "nonsense"})
            for body in bodies
        ]
        good = await client.post("/mcp", content=called('{"query": "q"}'), headers=MCP_HEADERS | NEW)

    assert max(answer.status_code for answer in answers) < 500
    assert good.json()["result"]["structuredContent"] == {"passages": []}
