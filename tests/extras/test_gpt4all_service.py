"""A GPT4All model behind the MCP service, called like the worker does."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psutil
import pytest

from activities.mcp_client import McpService, StatusLine, TextPiece
from activities.mcp_errors import McpAway
from dynavera.contracts.documents import RetrievedPassage
from dynavera.contracts.mcp import GenerateCall, Generated
from dynavera.credentials import mcp_token
from dynavera.records.database import Database
from dynavera.records.users import Users
from dynavera.settings import Settings
from tests.mcp_service.running import running_service
from tests.mcp_service.test_process import is_up, process
from tests.serving import free_port, until

GENERATOR = "gpt4all:tiny.gguf"
PASSAGE = RetrievedPassage(
    document_id=uuid4(), document="light.md", passage_id=uuid4(), text="Light passes.", score=1, sha256="0" * 64
)


def install(models: Path, data_dir: Path) -> None:
    shutil.copytree(models, data_dir / "models")


def call(max_tokens: int = 20, operation_id: str = "one") -> GenerateCall:
    return GenerateCall(query="?", passages=[PASSAGE], max_tokens=max_tokens, operation_id=operation_id)


def child_of(pid: int) -> psutil.Process | None:
    children = psutil.Process(pid).children()
    return next((child for child in children if any("gpt4all" in word for word in child.cmdline())), None)


async def test_the_worker_receives_status_lines_and_text(models: Path, tmp_path: Path) -> None:
    install(models, tmp_path)

    async with (
        running_service(tmp_path, generator=GENERATOR, model_context=8192) as service,
        McpService(service.url, service.service_token) as mcp,
    ):
        items = [item async for item in mcp.generate(service.owner.id, call())]

    statuses = [item.message for item in items if isinstance(item, StatusLine) and item.message]
    text = "".join(item.text for item in items if isinstance(item, TextPiece))
    generated = items[-1]
    assert statuses[0] == f"Loading {GENERATOR} …"
    assert statuses[1].startswith("Loaded in ")
    assert isinstance(generated, Generated)
    assert (generated.text, generated.generator, generated.finish_reason) == (text, GENERATOR, "length")
    assert generated.usage.completion_tokens == 20


async def test_a_stop_by_operation_id_releases_the_model(models: Path, tmp_path: Path) -> None:
    install(models, tmp_path)

    async with (
        running_service(tmp_path, generator=GENERATOR, model_context=8192) as service,
        McpService(service.url, service.service_token) as mcp,
    ):
        async with aclosing(mcp.generate(service.owner.id, call(max_tokens=5000))) as items:
            async for item in items:
                if isinstance(item, TextPiece):
                    break
            stopped = await mcp.stop_generation(service.owner.id, "one")
        after = [item async for item in mcp.generate(service.owner.id, call(operation_id="two"))]

    assert stopped.stopped
    assert stopped.characters > 0
    assert isinstance(after[-1], Generated)


async def test_installed_models_are_listed(models: Path, tmp_path: Path) -> None:
    install(models, tmp_path)

    async with running_service(tmp_path) as service, service.client() as client:
        listed = (await client.get("/generators")).json()

    assert listed["usable"] == ["extractive", "gpt4all:slow.gguf", GENERATOR]


async def test_a_file_that_cannot_be_used_is_refused_when_it_is_chosen(models: Path, tmp_path: Path) -> None:
    install(models, tmp_path)
    folder = tmp_path / "models"
    whole = (folder / "tiny.gguf").read_bytes()
    (folder / "cut.gguf").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.gguf").write_bytes(b"")
    (folder / "architecture.gguf").write_bytes(renamed(whole, "general.architecture", "camel"))
    (folder / "tokenizer.gguf").write_bytes(renamed(whole, "tokenizer.ggml.model", "camel"))
    reasons: dict[str, str] = {}

    async with running_service(tmp_path) as service, service.client() as client:
        for name in ("cut", "empty", "architecture", "tokenizer"):
            refused = await client.get("/generators/check", params={"name": f"gpt4all:{name}.gguf"})
            reasons[name] = refused.json()["detail"]
        usable = await client.get("/generators/check", params={"name": GENERATOR})
        listed = (await client.get("/generators")).json()

    assert usable.status_code == httpx.codes.NO_CONTENT
    assert "it is cut off" in reasons["cut"]
    assert "it is empty" in reasons["empty"]
    assert "Unsupported model architecture: camel" in reasons["architecture"]
    assert "unknown tokenizer: 'camel'" in reasons["tokenizer"]
    assert listed["usable"] == ["extractive", "gpt4all:slow.gguf", GENERATOR]
    assert [model["name"] for model in listed["unusable"]] == [
        f"gpt4all:{name}.gguf" for name in ("architecture", "cut", "empty", "tokenizer")
    ]


def renamed(model: bytes, key: str, value: str) -> bytes:
    """The model with another value of the text `key`, of the same length."""
    start = model.index(key.encode()) + len(key) + 4 + 8
    return model[:start] + value.encode() + model[start + len(value) :]


async def test_a_killed_service_leaves_no_model_process(models: Path, tmp_path: Path) -> None:
    install(models, tmp_path)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {"DYNAVERA_GENERATOR": GENERATOR, "DYNAVERA_MODEL_CONTEXT": "8192"}

    async with process(tmp_path, port, **settings) as running:
        await is_up(url)
        async with McpService(url, mcp_token(Settings(data_dir=tmp_path))) as mcp:
            items = mcp.generate(await owner_id(tmp_path), call(max_tokens=7000))
            async for item in items:
                if isinstance(item, TextPiece):
                    break
            child = child_of(running.pid)
            running.kill()
            with pytest.raises(McpAway):
                await rest_of(items)

    assert child is not None
    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, seconds=10)


async def rest_of(items: AsyncGenerator[TextPiece | StatusLine | Generated]) -> list[object]:
    return [item async for item in items]


async def owner_id(data_dir: Path) -> UUID:
    settings = Settings(data_dir=data_dir)
    database = Database(settings.records_url)
    try:
        return (await Users(database).first()).id
    finally:
        await database.close()
