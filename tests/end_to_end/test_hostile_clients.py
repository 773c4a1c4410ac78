"""The two HTTP services as processes, and clients that try to exhaust their memory."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.serving import free_port

START_TIMEOUT = 60
RESPONSE_TIMEOUT = 60
CONNECTIONS = 5
BYTES = 40_000_000
CHUNK = b"a" * (1 << 18)
MAX_GROWTH = 64 * 1024 * 1024
"""In bytes. Without limits it was 1.3 times as much as was sent."""

HEALTH = {"api": "/api/health", "mcp_service": "/health"}
PORT = {"api": "DYNAVERA_PORT", "mcp_service": "DYNAVERA_MCP_PORT"}


@dataclass(frozen=True)
class Service:
    """A running service."""

    port: int
    process: psutil.Process

    async def is_up(self, path: str) -> bool:
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                await client.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)
            except httpx.TransportError:
                return False
        return True


@asynccontextmanager
async def running(name: str, folder: Path) -> AsyncGenerator[Service]:
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DYNAVERA_", "TEMPORAL_"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", name),
        env=kept | {"DYNAVERA_DATA_DIR": str(folder), "DYNAVERA_EMBEDDER": "wordllama", PORT[name]: str(port)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        service = Service(port, psutil.Process(process.pid))
        async with asyncio.timeout(START_TIMEOUT):
            while not await service.is_up(HEALTH[name]):
                assert process.returncode is None
        yield service
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("name", HEALTH)
async def test_endless_headers_cost_no_memory(name: str, tmp_path: Path) -> None:
    async with running(name, tmp_path) as service:
        before = service.process.memory_info().rss
        measuring = asyncio.create_task(_peak(service.process))
        async with asyncio.timeout(RESPONSE_TIMEOUT):
            responses = await asyncio.gather(*(_endless_header(service.port) for _ in range(CONNECTIONS)))
            alive = await service.is_up(HEALTH[name])
        measuring.cancel()
        growth = await measuring - before

    assert [response.split(b"\r\n")[0] for response in responses] == [
        b"HTTP/1.1 431 Request Header Fields Too Large"
    ] * CONNECTIONS
    assert alive
    assert growth < MAX_GROWTH


async def _endless_header(port: int) -> bytes:
    """The response to a header of 40 MB, or to as much of it as the service accepts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reading = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
    with suppress(ConnectionError):
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ")
        for _ in range(0, BYTES, len(CHUNK)):
            writer.write(CHUNK)
            await writer.drain()
    try:
        return await reading
    finally:
        writer.transport.abort()


async def _peak(process: psutil.Process) -> int:
    """The peak memory until this is cancelled."""
    peak = 0
    with suppress(asyncio.CancelledError):
        while True:
            peak = max(peak, process.memory_info().rss)
            await asyncio.sleep(0.01)
    return peak
