"""A real API and a real MCP service on one database."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import HttpUrl

from api.app import create_app
from api.dependencies import Services
from api.knowledge import Knowledge, mcp_client
from dynavera.records.agents import Agents
from dynavera.records.sessions import Sessions
from dynavera.records.users import Users
from tests.api.conftest import streams
from tests.api.fakes import FakeExecutions, FakeHealth
from tests.api.openapi import DECLARED
from tests.mcp_service.running import Running, running_service
from tests.serving import serving


@dataclass
class KnowledgeBase:
    """The two services, with a fake for Temporal."""

    url: str
    mcp: Running
    executions: FakeExecutions

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        """A client of the API with the owner's API key, or another one."""
        headers = {"Authorization": f"Bearer {key or self.mcp.owner_key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=60, event_hooks=DECLARED)


@asynccontextmanager
async def knowledge_base(folder: Path) -> AsyncGenerator[KnowledgeBase]:
    """Run the services with their data in `folder`."""
    async with running_service(folder) as running:
        settings = running.settings.model_copy(update={"mcp_url": HttpUrl(running.url)})
        users, agents = Users(running.database), Agents(running.database)
        sessions = Sessions(running.database, settings.session_lifetime)
        executions, health = FakeExecutions(agents), FakeHealth()
        async with mcp_client(settings, running.service_token) as to_mcp:
            live = await streams(settings, running.database)
            services = Services(settings, users, sessions, agents, executions, Knowledge(to_mcp), health, live)
            async with serving(create_app(services)) as url:
                yield KnowledgeBase(url, running, executions)
