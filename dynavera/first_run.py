"""What a new instance starts with: the articles in `knowledge/` and an agent to ask about them."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import httpx

from dynavera.contracts.agents import AgentCreate
from dynavera.contracts.documents import Ingestion

if TYPE_CHECKING:
    # The CLI asks this module for the agent's name only, and SQLAlchemy takes a second to import.
    from dynavera.records.agents import Agents
    from dynavera.records.users import Users

KNOWLEDGE = Path(__file__).parents[1] / "knowledge"
MARKER = "first-run-done"
TRIES = 20
PAUSE_SECONDS = 0.5
INGEST_SECONDS = 120

FIRST_AGENT = AgentCreate(
    name="Research assistant",
    description="Answers questions about functional near-infrared spectroscopy and its neighbours, and cites sources.",
    instructions=(
        "Answer for a reader who is new to the field. Say only what the passages say, cite each of them, and say so "
        "plainly when they do not answer the question."
    ),
)


Upload: TypeAlias = tuple[str, tuple[str, bytes, str]]
"""A field of a multipart form: its name, and the file's name, content and media type."""


class FirstRunFailed(Exception):
    """The new instance could not be filled."""


def is_filled(data_dir: Path) -> bool:
    """Whether the instance was filled."""
    return (data_dir / MARKER).exists()


@dataclass(frozen=True)
class FirstRun:
    """Fills a new instance once; each step can be done again, so that it can be interrupted anywhere."""

    data_dir: Path
    service: httpx.AsyncClient
    """The MCP service, as its service token."""
    users: "Users"
    agents: "Agents"

    async def fill(self, folder: Path = KNOWLEDGE) -> int:
        """Ingest the articles and make the agent; the number of documents.

        Raises:
            FirstRunFailed: the MCP service does not take the documents.
        """
        documents = await self._ingest(_articles(folder))
        owner = await self.users.first()
        if not await self.agents.by_name(owner.id, FIRST_AGENT.name):
            await self.agents.create(owner.id, FIRST_AGENT)
        (self.data_dir / MARKER).touch()
        return documents

    async def _ingest(self, articles: list[Upload]) -> int:
        response = await self._sent(articles)
        if response.status_code != HTTPStatus.CREATED:
            raise FirstRunFailed(f"The MCP service did not take the first documents: {response.text[:500]}")
        ingestion = Ingestion.model_validate_json(response.content)
        if ingestion.refused:
            refusal = ingestion.refused[0]
            raise FirstRunFailed(f"The MCP service refused the first document {refusal.name!r}: {refusal.detail}")
        return len(ingestion.items)

    async def _sent(self, articles: list[Upload]) -> httpx.Response:
        for _ in range(TRIES - 1):
            try:
                response = await self.service.post("/documents", files=articles, timeout=INGEST_SECONDS)
            except httpx.TransportError:
                # It may have died meanwhile, and is started again.
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                    return response
                await asyncio.sleep(PAUSE_SECONDS)
        try:
            return await self.service.post("/documents", files=articles, timeout=INGEST_SECONDS)
        except httpx.TransportError as error:
            raise FirstRunFailed(f"The MCP service does not take the first documents: {error!r}.") from error


def _articles(folder: Path) -> list[Upload]:
    return [("file", (file.name, file.read_bytes(), "text/markdown")) for file in sorted(folder.glob("*.md"))]
