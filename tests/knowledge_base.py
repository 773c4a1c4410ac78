"""A real API and a real MCP service on one database."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import HttpUrl

from api.app import create_app
from api.process import open_services
from tests.api.openapi import DECLARED
from tests.mcp_service.running import Running, running_service
from tests.serving import serving
from tests.temporal import temporal_away


@dataclass
class KnowledgeBase:
    """The two services, without Temporal."""

    url: str
    mcp: Running

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        """A client of the API with the owner's API key, or another one."""
        headers = {"Authorization": f"Bearer {key or self.mcp.owner_key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=60, event_hooks=DECLARED)


@asynccontextmanager
async def knowledge_base(folder: Path) -> AsyncGenerator[KnowledgeBase]:
    """Run the services with their data in `folder`."""
    async with running_service(folder) as running:
        settings = running.settings.model_copy(update={"mcp_url": HttpUrl(running.url)})
        temporal = await temporal_away(settings)
        async with (
            open_services(settings, running.database, temporal, running.service_token) as (services, _sweep),
            serving(create_app(services)) as url,
        ):
            yield KnowledgeBase(url, running)
