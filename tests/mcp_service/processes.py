"""The MCP service as a process, without the settings of the test environment."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from mcp_service.knowledge.embedders import WORDLLAMA


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a process with its data in `folder`, and the embedder that needs no work in the background."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DYNAVERA_", "OPENAI_"))}
    return {**clean, "DYNAVERA_DATA_DIR": str(folder), "DYNAVERA_EMBEDDER": WORDLLAMA, **settings}


@asynccontextmanager
async def process(folder: Path, port: int, **settings: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mcp_service"),
        env=environment(folder, DYNAVERA_MCP_PORT=str(port), **settings),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def is_up(url: str) -> None:
    async with asyncio.timeout(30), httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                answer = await client.get(f"{url}/health")
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                assert answer.json()["status"] == "ok", answer.text
                return
