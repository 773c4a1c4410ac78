"""What all doors of the service use: who asks, what is known, and who writes."""

from dataclasses import dataclass

from dynavera.contracts.system import Generators, McpHealth
from dynavera.records.agents import Agents
from dynavera.records.documents import DocumentRecords
from mcp_service.authentication import Doorkeeper
from mcp_service.generation import Generations
from mcp_service.knowledge.opening import OpeningKnowledge


@dataclass(frozen=True)
class Service:
    """What is there at once, and the knowledge, which takes a moment longer."""

    doorkeeper: Doorkeeper
    agents: Agents
    records: DocumentRecords
    generations: Generations
    knowledge: OpeningKnowledge

    async def health(self) -> McpHealth:
        """What it generates and embeds with, and how much it knows.

        Raises:
            NotOpenYet: it cannot do all of it yet.
        """
        knowledge = await self.knowledge.opened()
        totals = await self.records.totals()
        return McpHealth(
            status="ok",
            generator=self.generations.generators.default,
            embedder=knowledge.indexes.embedder.name,
            documents=totals.documents,
            passages=totals.passages,
        )

    async def generators(self) -> Generators:
        """What can write answers now."""
        known = self.generations.generators
        return Generators(default=known.default, usable=await known.usable())
