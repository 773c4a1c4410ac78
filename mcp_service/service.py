"""What all doors of the service use: who asks, what is known, and who writes."""

from dataclasses import dataclass

from dynavera.contracts.system import Generators, McpHealth
from dynavera.records.agents import Agents
from mcp_service.authentication import Doorkeeper
from mcp_service.generation import Generations
from mcp_service.knowledge.knowledge import Knowledge


@dataclass(frozen=True)
class Service:
    """The opened service."""

    doorkeeper: Doorkeeper
    agents: Agents
    knowledge: Knowledge
    generations: Generations

    async def health(self) -> McpHealth:
        """What it generates and embeds with, and how much it knows."""
        totals = await self.knowledge.records.totals()
        return McpHealth(
            status="ok",
            generator=self.generations.generators.default,
            embedder=self.knowledge.indexes.embedder.name,
            documents=totals.documents,
            passages=totals.passages,
        )

    async def generators(self) -> Generators:
        """What can write answers now."""
        known = self.generations.generators
        return Generators(default=known.default, usable=await known.usable())
