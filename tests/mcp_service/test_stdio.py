"""`python -m mcp_service.stdio`, started by the official client like by a desktop client."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters
from mcp_types import PARSE_ERROR

from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from mcp_service.knowledge_lock import read_address
from tests.fakes import FakeModel
from tests.mcp_service.clients import REVISIONS, Progress, ToolRefused, call
from tests.mcp_service.processes import environment, is_up, process
from tests.owner import create_owner
from tests.serving import free_port, serving, until

PATIENCE = 60
COMMAND = ("-m", "mcp_service.stdio")
PASSAGE = {"text": "Light passes through the skull.", "document": "light.md"}


@asynccontextmanager
async def stdio_client(folder: Path, mode: str = "auto", **settings: str) -> AsyncGenerator[Client]:
    command = StdioServerParameters(command=sys.executable, args=list(COMMAND), env=environment(folder, **settings))
    async with Client(command, mode=mode) as client:
        yield client


@asynccontextmanager
async def stdio_process(folder: Path, **settings: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, *COMMAND), env=environment(folder, **settings), stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


def on_demand_services(folder: Path) -> list[psutil.Process]:
    """The on-demand services with this data directory."""
    found: list[psutil.Process] = []
    for candidate in psutil.process_iter():
        try:
            if "--on-demand" in candidate.cmdline() and candidate.environ().get("DYNAVERA_DATA_DIR") == str(folder):
                found.append(candidate)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


async def uploaded(url: str, folder: Path) -> None:
    key = (folder / "token").read_text().strip()
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as client:
        answer = await client.post("/documents", files=[("file", ("light.md", PASSAGE["text"].encode()))])
    assert answer.status_code == httpx.codes.CREATED


def message(number: int, method: str, **parameters: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}).encode() + b"\n"


INITIALIZE = message(
    1,
    "initialize",
    protocolVersion="2025-11-25",
    capabilities={},
    clientInfo={"name": "test", "version": "1"},
)


@pytest.mark.parametrize("mode", REVISIONS)
async def test_a_client_is_served_without_a_running_service(tmp_path: Path, mode: str) -> None:
    progress = Progress()

    async with asyncio.timeout(PATIENCE), stdio_client(tmp_path, mode) as client:
        tools = (await client.list_tools()).tools
        found = await call(client, "retrieve", {"query": "light"})
        answer = await call(client, "generate", {"query": "What is light?", "passages": [PASSAGE]}, progress)
        [prompt] = (await client.list_prompts()).prompts
        [template] = (await client.list_resource_templates()).resource_templates
        with pytest.raises(ToolRefused) as refused:
            await call(client, "retrieve", {"query": "q", "collection": "nope"})

    assert {tool.name for tool in tools} == {"retrieve", "generate", "stop_generation", "list_documents"}
    assert all(tool.output_schema and tool.title and tool.annotations for tool in tools)
    assert found == {"passages": []}
    assert answer["text"].startswith("Light passes through the skull.")
    assert progress.text
    assert answer["text"].startswith(progress.text)
    assert (prompt.name, template.name) == ("answer_with_sources", "document")
    assert refused.value.refusal["code"] == "unknown_collection"
    await until(lambda: not on_demand_services(tmp_path), seconds=PATIENCE)


async def test_two_clients_share_an_on_demand_service(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), stdio_client(tmp_path) as second:
        async with stdio_client(tmp_path) as first:
            await asyncio.gather(first.list_tools(), second.list_tools())
            together = len(on_demand_services(tmp_path))
        again = await second.list_tools()

    assert together == 1
    assert again.tools


async def test_the_bridge_works_before_during_and_after_a_service(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    async with asyncio.timeout(2 * PATIENCE), stdio_client(tmp_path) as client:
        await client.list_tools()
        before = on_demand_services(tmp_path)
        async with process(tmp_path, port) as service:
            await is_up(url)
            await uploaded(url, tmp_path)
            during = await call(client, "retrieve", {"query": "light"})
            [resource] = (await client.list_resources()).resources
            # It has released the knowledge; its process takes a moment longer.
            await until(lambda: not on_demand_services(tmp_path), seconds=PATIENCE)
            meanwhile = read_address(tmp_path / "knowledge")
            service.kill()
            await service.wait()
        after = await call(client, "retrieve", {"query": "light"})

    assert len(before) == 1
    assert [passage["document"] for passage in during["passages"]] == ["light.md"]
    assert resource.name == "light.md"
    assert meanwhile == url
    assert after == during


@pytest.mark.parametrize("mode", REVISIONS)
async def test_a_cancelled_call_stops_the_model(tmp_path: Path, mode: str) -> None:
    model = FakeModel(words=["word"] * 3000, delay=0.02)

    async with asyncio.timeout(PATIENCE), serving(model) as model_url:
        settings = {"OPENAI_BASE_URL": f"{model_url}/v1", "DYNAVERA_GENERATOR": "openai:fake"}
        async with stdio_client(tmp_path, mode, **settings) as client:
            generating = asyncio.create_task(call(client, "generate", {"query": "q", "passages": [PASSAGE]}))
            await until(lambda: model.emitted > 3, seconds=PATIENCE)
            generating.cancel()
            await until(lambda: bool(model.disconnected_at), seconds=5)

    assert model.emitted < len(model.words)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"DYNAVERA_GENERATOR": "poet"}, "DYNAVERA_GENERATOR"),
        ({"DYNAVERA_MCP_URL": "http://127.0.0.1:9", "DYNAVERA_TOKEN": "x"}, "DYNAVERA_MCP_URL"),
        ({"DYNAVERA_MCP_URL": "http://127.0.0.1:9"}, "DYNAVERA_TOKEN"),
    ],
)
async def test_an_unavailable_service_is_reported_to_the_client(
    tmp_path: Path, settings: dict[str, str], named: str
) -> None:
    async with asyncio.timeout(PATIENCE), stdio_client(tmp_path, **settings) as client:
        with pytest.raises(MCPError) as refused:
            await client.list_tools()

    assert refused.value.data["code"] == "service_away"
    assert named in refused.value.message


async def test_without_the_owners_token_the_bridge_creates_none(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}"
    database = Database(url)
    await migrate(database)
    await create_owner(database)
    await database.close()
    folder = tmp_path / "data"

    async with asyncio.timeout(PATIENCE), stdio_client(folder, DYNAVERA_DATABASE_URL=url) as client:
        with pytest.raises(MCPError) as refused:
            await client.list_tools()
        await until(lambda: read_address(folder / "knowledge") is not None, seconds=PATIENCE)

    assert refused.value.data["code"] == "service_away"
    assert "set DYNAVERA_TOKEN" in refused.value.message
    assert not (folder / "token").exists()
    await until(lambda: not on_demand_services(folder), seconds=PATIENCE)


async def test_standard_output_has_only_protocol_messages(tmp_path: Path) -> None:
    sent = [
        INITIALIZE,
        b"no json\n",
        b"\xff\xfe\n",
        b"[]\n",
        b"\n",
        b"[" * 100_000 + b"\n",
        b"x" * 9_000_000 + b"\n",
        message(2, "no/such/method"),
        message(3, "tools/call", name="no_such_tool", arguments={}),
        message(4, "tools/call", name=7),
        message(5, "tools/call", name="retrieve", arguments={"query": "\ud800"}),
        message(6, "ping"),
    ]

    async with asyncio.timeout(PATIENCE), stdio_process(tmp_path) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(b"".join(sent))
        answers: dict[int | None, dict[str, Any]] = {}
        while not set(answers) >= set(range(1, 7)):
            answer = json.loads(await running.stdout.readline())
            answers[answer["id"]] = answer
        running.stdin.close()
        rest = await running.stdout.read()
        code = await running.wait()

    assert answers[None]["error"]["code"] == PARSE_ERROR
    assert "result" in answers[1]
    assert all("error" in answers[number] for number in (2, 3, 4, 5))
    assert "result" in answers[6]
    assert (code, rest) == (0, b"")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
async def test_a_signal_stops_the_bridge_and_the_service_it_started(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    async with asyncio.timeout(PATIENCE), stdio_process(tmp_path) as running:
        await until(lambda: bool(on_demand_services(tmp_path)), seconds=PATIENCE)
        running.send_signal(number)
        ended = await running.wait()
        assert running.stderr is not None
        stderr = await running.stderr.read()
        await until(lambda: not on_demand_services(tmp_path), seconds=PATIENCE)

    assert ended == code
    assert b"Traceback" not in stderr


async def test_a_client_that_stops_reading_is_not_an_error(tmp_path: Path) -> None:
    command = (sys.executable, *COMMAND)
    reading, writing = os.pipe()
    running = await asyncio.create_subprocess_exec(
        *command,
        env=environment(tmp_path),
        stdin=asyncio.subprocess.PIPE,
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writing)
    os.close(reading)

    async with asyncio.timeout(PATIENCE):
        _, stderr = await running.communicate(INITIALIZE)

    assert running.returncode == 0
    assert b"Traceback" not in stderr


async def test_the_on_demand_service_ends_when_the_bridge_is_killed(tmp_path: Path) -> None:
    async with stdio_process(tmp_path) as running:
        await until(lambda: read_address(tmp_path / "knowledge") is not None, seconds=PATIENCE)
        running.kill()
        await running.wait()

    await until(lambda: not on_demand_services(tmp_path), seconds=PATIENCE)
    assert read_address(tmp_path / "knowledge") is None


async def test_an_invalid_setting_prints_one_sentence_to_standard_error(tmp_path: Path) -> None:
    async with stdio_process(tmp_path, DYNAVERA_LOG_LEVEL="loud") as running:
        out, stderr = await running.communicate()

    assert (running.returncode, out) == (1, b"")
    assert stderr.startswith(b"DYNAVERA_LOG_LEVEL is invalid: ")
    assert stderr.count(b"\n") == 1
