"""A running MCP service: a process that ingests over HTTP and retrieves over MCP."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import httpx2
import psutil
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.mcp_service.processes import environment
from tests.serving import free_port

BATCH_FILES = 100
"""The files that `dynavera ingest` sends in one request."""

START_SECONDS = 60
REQUEST_SECONDS = 600
TOP_K = 50
"""Passages to retrieve; several may belong to one document."""


@dataclass(frozen=True)
class RunningService:
    """A running service, with an HTTP and an MCP client."""

    process: psutil.Process
    http: httpx.AsyncClient
    mcp: Client

    async def ingest(self, files: Sequence[tuple[str, str]]) -> float:
        """Upload files (name, text), and return the seconds until all can be retrieved."""
        began = time.perf_counter()
        for start in range(0, len(files), BATCH_FILES):
            batch = [("file", (name, text.encode())) for name, text in files[start : start + BATCH_FILES]]
            answer = (await self.http.post("/documents", files=batch)).raise_for_status().json()
            if answer["refused"]:
                raise ValueError(f"A file was refused: {answer['refused'][0]}")
        return time.perf_counter() - began

    async def seconds_until_embedded(self) -> float:
        """The seconds until an embedder that works in the background has every document."""
        began = time.perf_counter()
        while (await self.http.get("/reindex")).raise_for_status().json()["state"] == "running":  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        return time.perf_counter() - began

    async def documents_for(self, query: str) -> list[str]:
        """The distinct names of the documents whose passages are found, best first."""
        found = await self._retrieve(query, TOP_K)
        return list(dict.fromkeys(passage["document"] for passage in found))

    async def seconds_for(self, query: str) -> float:
        """The duration of a `retrieve` call with an agent's default of 4 passages."""
        began = time.perf_counter()
        await self._retrieve(query, 4)
        return time.perf_counter() - began

    async def passages(self) -> int:
        """The number of passages."""
        return (await self.http.get("/health")).raise_for_status().json()["passages"]

    def megabytes(self) -> float:
        """The memory of all processes of the service."""
        processes = [self.process, *self.process.children(recursive=True)]
        return sum(process.memory_info().rss for process in processes) / 1e6

    async def _retrieve(self, query: str, top_k: int) -> list[dict[str, Any]]:
        result = await self.mcp.call_tool("retrieve", {"query": query, "top_k": top_k})
        if result.is_error or result.structured_content is None:
            raise ValueError(f"`retrieve` failed: {result.content}")
        return result.structured_content["passages"]


@asynccontextmanager
async def run_service(folder: Path, embedder: str) -> AsyncGenerator[RunningService]:
    """A service with its data in `folder`."""
    port = free_port()
    settings = {"DYNAVERA_MCP_PORT": str(port), "DYNAVERA_EMBEDDER": embedder, "DYNAVERA_GENERATOR": "extractive"}
    url = f"http://127.0.0.1:{port}"
    with (folder / "mcp.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mcp_service"), env=environment(folder, **settings), stderr=log
        )
    try:
        if not await _is_up(url, process):
            raise RuntimeError(f"The service did not start. {_text_of(folder / 'mcp.log')}")
        headers = {"Authorization": f"Bearer {_text_of(folder / 'token').strip()}"}
        async with (
            httpx.AsyncClient(base_url=url, headers=headers, timeout=REQUEST_SECONDS, trust_env=False) as http,
            httpx2.AsyncClient(headers=headers, timeout=REQUEST_SECONDS, trust_env=False) as streams,
            Client(streamable_http_client(f"{url}/mcp", http_client=streams)) as mcp,
        ):
            yield RunningService(psutil.Process(process.pid), http, mcp)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _is_up(url: str, process: asyncio.subprocess.Process) -> bool:
    async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(trust_env=False) as client:
        while process.returncode is None:
            try:
                return (await client.get(f"{url}/health")).is_success
            except httpx.TransportError:
                await asyncio.sleep(0.05)
    return False


def _text_of(file: Path) -> str:
    return file.read_text()
