"""Health with a real Temporal and a real worker, and without each component."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from dynavera.bus.bus import NoBus
from tests.api.fakes import FakeMcp
from tests.api.live import PATIENCE_SECONDS, Live
from tests.serving import serving
from tests.workflows.sandbox import sandbox
from workflows.connection import connected
from workflows.worker import running_worker

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def mcp_service(live: Live) -> AsyncGenerator[None]:
    """An MCP service at the address in the settings."""
    service = FakeMcp()
    health = {"status": "ok", "generator": "openai:gpt", "embedder": "wordllama", "documents": 2, "passages": 9}
    service.answer("GET", "/health", health)
    assert live.settings.mcp_url is not None
    async with serving(service.app(), live.settings.mcp_url.port or 0):
        yield


@asynccontextmanager
async def worker_with_heartbeats(live: Live) -> AsyncGenerator[None]:
    """A worker that connects as the product's does."""
    port = int(live.temporal.client.service_client.config.target_host.rpartition(":")[2])
    client = await connected(live.settings.model_copy(update={"temporal_port": port}))
    async with running_worker(client, live.temporal.task_queue, live.mcp, live.logs, 100, sandbox(), NoBus()):
        yield


async def health_of(live: Live, url: str | None = None) -> httpx.Response:
    """The public health check, without a credential."""
    async with live.client(url, api_key=None) as nobody:
        return await nobody.get("/api/health")


async def with_worker(live: Live) -> dict[str, Any]:
    """The health as soon as the worker has sent a heartbeat."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (health := (await health_of(live)).json())["checks"]["worker"]["status"] != "ok":
            await asyncio.sleep(0.1)
    return health


def statuses(health: dict[str, Any]) -> dict[str, str]:
    return {name: check["status"] for name, check in health["checks"].items()}


async def test_health_is_ok_when_every_component_is(live: Live) -> None:
    async with mcp_service(live), worker_with_heartbeats(live):
        health = await with_worker(live)

    assert health["status"] == "ok"
    assert statuses(health) == dict.fromkeys(("database", "temporal", "worker", "mcp"), "ok")
    assert health["checks"]["mcp"]["detail"] == "Generator openai:gpt, embedder wordllama."


async def test_health_is_degraded_without_a_worker_and_the_mcp_service(live: Live) -> None:
    response = await health_of(live)

    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert statuses(response.json()) == {"database": "ok", "temporal": "ok", "worker": "away", "mcp": "away"}


async def test_health_is_503_without_temporal(live: Live) -> None:
    async with live.another_api(await live.temporal_that_is_away()) as url:
        response = await health_of(live, url)

    assert (response.status_code, response.json()["status"]) == (503, "degraded")
    assert statuses(response.json()) == {"database": "ok", "temporal": "away", "worker": "away", "mcp": "away"}


async def test_health_is_503_without_our_tables(live: Live) -> None:
    async with live.database.writing() as session:
        await session.execute(text("ALTER TABLE users RENAME TO other_name"))

    response = await health_of(live)

    assert (response.status_code, response.json()["status"]) == (503, "degraded")
    assert statuses(response.json())["database"] == "away"
    assert "users" not in response.text


async def test_the_system_has_temporals_version(live: Live) -> None:
    async with live.client() as client:
        system = (await client.get("/api/system")).json()

    assert system["versions"]["temporal"] == await live.temporal.version()
