"""The content of a new instance: the articles in `knowledge/` and an agent that answers from them."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import httpx

from dynavera.contracts.agents import AgentCreate
from dynavera.contracts.documents import Ingestion

if TYPE_CHECKING:
    # The CLI needs only the agent's name, and SQLAlchemy takes a second to import.
    from dynavera.records.agents import Agents
    from dynavera.records.users import Users

ARTICLES_DIR = Path(__file__).parents[1] / "knowledge"
MARKER = "first-run-done"
ATTEMPTS = 20
RETRY_DELAY_SECONDS = 0.5
INGEST_TIMEOUT_SECONDS = 120

DEFAULT_AGENT = AgentCreate(
    name="Research assistant",
    description="Answers questions about functional near-infrared spectroscopy and its neighbours, and cites sources.",
    instructions=(
        "Answer for a reader who is new to the field. Say only what the passages say, cite each of them, and say so "
        "plainly when they do not answer the question."
    ),
)


Upload: TypeAlias = tuple[str, tuple[str, bytes, str]]
"""A field of a multipart form: its name, and the file's name, content and media type."""


class SeedingFailed(Exception):
    """The new instance could not be seeded."""


def is_seeded(data_dir: Path) -> bool:
    """Whether the instance has been seeded."""
    return (data_dir / MARKER).exists()


@dataclass(frozen=True)
class Seeder:
    """Seeds a new instance once. Each step is idempotent, so an interruption does no harm."""

    data_dir: Path
    mcp_service: httpx.AsyncClient
    """A client that sends the service token."""
    users: "Users"
    agents: "Agents"

    async def seed(self, folder: Path = ARTICLES_DIR) -> int:
        """Ingest the articles and create the agent; the number of documents.

        Raises:
            SeedingFailed: the MCP service does not accept the documents.
        """
        documents = await self._ingest(_articles(folder))
        owner = await self.users.first()
        if not await self.agents.by_name(owner.id, DEFAULT_AGENT.name):
            await self.agents.create(owner.id, DEFAULT_AGENT)
        (self.data_dir / MARKER).touch()
        return documents

    async def _ingest(self, articles: list[Upload]) -> int:
        response = await self._upload(articles)
        if response.status_code != HTTPStatus.CREATED:
            raise SeedingFailed(f"The MCP service did not accept the first documents: {response.text[:500]}")
        ingestion = Ingestion.model_validate_json(response.content)
        if ingestion.refused:
            refusal = ingestion.refused[0]
            raise SeedingFailed(f"The MCP service refused the first document {refusal.name!r}: {refusal.detail}")
        return len(ingestion.items)

    async def _upload(self, articles: list[Upload]) -> httpx.Response:
        for _ in range(ATTEMPTS - 1):
            # The MCP service may be restarting.
            with suppress(httpx.TransportError):
                response = await self._post(articles)
                if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                    return response
            await asyncio.sleep(RETRY_DELAY_SECONDS)
        try:
            return await self._post(articles)
        except httpx.TransportError as error:
            raise SeedingFailed(f"The MCP service does not accept the first documents: {error!r}.") from error

    async def _post(self, articles: list[Upload]) -> httpx.Response:
        return await self.mcp_service.post("/documents", files=articles, timeout=INGEST_TIMEOUT_SECONDS)


def _articles(folder: Path) -> list[Upload]:
    return [("file", (file.name, file.read_bytes(), "text/markdown")) for file in sorted(folder.glob("*.md"))]
