"""The service while its knowledge is being opened."""

import asyncio
import fcntl
import signal
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import IO

import httpx
import pytest

from mcp_service.knowledge_lock import LOCK
from mcp_service.limits import ServiceLimits
from tests.mcp_service.clients import ToolRefused, call, mcp_client
from tests.mcp_service.processes import process
from tests.mcp_service.running import running_service
from tests.serving import POLL_SECONDS, free_port

PASSAGE = {"text": "Light passes through the skull.", "document": "light.md"}
SOON_SECONDS = 0.2
END_SECONDS = 10
PATIENCE = 30


@pytest.fixture
def in_use(tmp_path: Path) -> Generator[IO[str]]:
    """The lock of the knowledge, held as by a service that is shutting down; closing it releases it."""
    folder = tmp_path / "knowledge"
    folder.mkdir()
    with (folder / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


async def test_generation_works_before_the_knowledge_is_open(tmp_path: Path, in_use: IO[str]) -> None:
    async with running_service(tmp_path) as service, mcp_client(service) as client:
        answer = await call(client, "generate", {"query": "What is light?", "passages": [PASSAGE]})
        stopped = await call(client, "stop_generation", {"operation_id": "none"})
        listed = await call(client, "list_documents", {})
        retrieving = asyncio.create_task(call(client, "retrieve", {"query": "light"}))
        early, _ = await asyncio.wait({retrieving}, timeout=SOON_SECONDS)
        in_use.close()
        retrieved = await retrieving

    assert answer["text"].startswith("Light passes through the skull. [1]")
    assert stopped["stopped"] is False
    assert listed["documents"] == []
    assert not early
    assert retrieved == {"passages": []}


@pytest.mark.usefixtures("in_use")
async def test_a_call_that_would_wait_too_long_is_asked_to_retry(tmp_path: Path) -> None:
    limits = ServiceLimits(startup_wait=timedelta(seconds=SOON_SECONDS))

    async with (
        running_service(tmp_path, limits=limits) as service,
        mcp_client(service) as mcp,
        service.client() as http,
    ):
        health = await http.get("/health")
        taken = await http.post("/documents", files=[("file", ("a.md", b"Light passes."))])
        with pytest.raises(ToolRefused) as refused:
            await call(mcp, "retrieve", {"query": "light"})

    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in (health, taken)] == [(503, "2")] * 2
    assert refused.value.refusal["code"] == health.json()["code"] == "opening"
    assert refused.value.refusal["retryable"] is True


@pytest.mark.usefixtures("in_use")
async def test_knowledge_that_cannot_be_opened_ends_the_process_with_a_reason(tmp_path: Path) -> None:
    port = free_port()

    async with process(tmp_path, port) as running, httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        waiting = asyncio.create_task(first_answer(client, f"http://127.0.0.1:{port}/health"))
        async with asyncio.timeout(PATIENCE):
            _, stderr = await running.communicate()
        health = await waiting

    assert running.returncode == 1
    assert "DYNAVERA_DATA_DIR" in stderr.decode().strip().splitlines()[-1]
    assert b"Traceback" not in stderr
    assert health.status_code == httpx.codes.SERVICE_UNAVAILABLE


@pytest.mark.usefixtures("in_use")
async def test_a_signal_stops_the_service_while_the_knowledge_is_being_opened(tmp_path: Path) -> None:
    port = free_port()

    async with process(tmp_path, port) as running, httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        await first_answer(client, f"http://127.0.0.1:{port}/generators")
        running.send_signal(signal.SIGTERM)
        async with asyncio.timeout(END_SECONDS):
            _, stderr = await running.communicate()

    assert running.returncode == 0
    assert b"Traceback" not in stderr


async def test_connections_during_startup_are_answered_once_ready(tmp_path: Path) -> None:
    port = free_port()

    async with process(tmp_path, port), httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        await wait_until_accepting(port)
        health = await client.get(f"http://127.0.0.1:{port}/health")

    assert health.json()["status"] == "ok"


async def wait_until_accepting(port: int) -> None:
    """Wait until `port` accepts connections."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(POLL_SECONDS)
        else:
            writer.close()
            return


async def first_answer(client: httpx.AsyncClient, url: str) -> httpx.Response:
    """The first answer from a service that is starting."""
    await wait_until_accepting(httpx.URL(url).port or 0)
    return await client.get(url)
