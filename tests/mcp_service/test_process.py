"""`python -m mcp_service` as a process."""

import asyncio
import signal
import socket
from pathlib import Path

import httpx
import pytest

from tests.mcp_service.processes import is_up, process
from tests.serving import free_port

END_SECONDS = 10


async def test_a_killed_service_restarts_with_its_documents(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    async with process(tmp_path, port) as first:
        await is_up(url)
        key = (tmp_path / "token").read_text().strip()
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
            await client.post("/documents", files=[("file", ("a.md", b"Light passes through the skull."))])
        first.kill()
        await first.wait()
    async with process(tmp_path, port):
        await is_up(url)
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
            found = await client.post("/search", json={"query": "light"})

    assert [passage["document"] for passage in found.json()["passages"]] == ["a.md"]


async def test_a_signal_stops_the_service_with_an_open_stream(tmp_path: Path) -> None:
    port = free_port()

    async with process(tmp_path, port) as running:
        await is_up(f"http://127.0.0.1:{port}")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
        await writer.drain()
        running.send_signal(signal.SIGTERM)
        async with asyncio.timeout(END_SECONDS):
            code = await running.wait()
        writer.close()
        await reader.read()

    assert code == 0


async def test_a_port_in_use_prints_one_sentence_with_the_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with process(tmp_path, taken.getsockname()[1]) as running:
            _, stderr = await running.communicate()

    assert running.returncode == 1
    assert b"DYNAVERA_MCP_PORT" in stderr
    assert stderr.count(b"\n") == 1


async def test_an_invalid_setting_prints_one_sentence(tmp_path: Path) -> None:
    bad = {"DYNAVERA_EMBEDDER": "magic", "DYNAVERA_TOKEN_TIMEOUT": "PT0S", "DYNAVERA_LOG_LEVEL": "loud"}

    for name, value in bad.items():
        async with process(tmp_path, free_port(), **{name: value}) as running:
            _, stderr = await running.communicate()
        last = stderr.decode().strip().splitlines()[-1]
        assert running.returncode == 1
        assert name in last
        assert b"Traceback" not in stderr


@pytest.mark.parametrize("generator", ["poet", "openai:model", "gpt4all:model"])
async def test_an_unusable_generator_prints_one_sentence(tmp_path: Path, generator: str) -> None:
    async with process(tmp_path, free_port(), DYNAVERA_GENERATOR=generator) as running:
        _, stderr = await running.communicate()

    assert running.returncode == 1
    assert stderr.startswith(b"DYNAVERA_GENERATOR cannot be used: ")
    assert stderr.count(b"\n") == 1


async def test_a_second_service_on_the_same_data_exits_with_a_reason(tmp_path: Path) -> None:
    port = free_port()

    async with process(tmp_path, port):
        await is_up(f"http://127.0.0.1:{port}")
        async with process(tmp_path, free_port()) as second:
            _, stderr = await second.communicate()

    assert second.returncode == 1
    assert "DYNAVERA_DATA_DIR" in stderr.decode().strip().splitlines()[-1]
