"""The parts of the service that its HTTP routes and its MCP server share."""

from dataclasses import dataclass

from dynavera.contracts.system import Generators, McpHealth
from dynavera.records.agents import Agents
from dynavera.records.documents import DocumentRecords
from mcp_service.authentication import CallerResolver
from mcp_service.generation import Generations
from mcp_service.knowledge.startup import KnowledgeStartup
from mcp_service.limits import ServiceLimits


@dataclass(frozen=True)
class Service:
    """What is available at once, and the knowledge, which takes a moment to open."""

    callers: CallerResolver
    agents: Agents
    records: DocumentRecords
    generations: Generations
    knowledge: KnowledgeStartup
    limits: ServiceLimits

    async def health(self) -> McpHealth:
        """The default generator, the embedder, and the number of documents and passages.

        Raises:
            KnowledgeNotReady: the knowledge is still being opened.
        """
        knowledge = await self.knowledge.ready()
        totals = await self.records.totals()
        return McpHealth(
            status="ok",
            generator=self.generations.generators.default,
            embedder=knowledge.indexes.embedder.name,
            documents=totals.documents,
            passages=totals.passages,
            passages_to_embed=knowledge.passages_to_embed(),
        )

    async def generators(self) -> Generators:
        """The generators that can be used now."""
        registry = self.generations.generators
        return Generators(default=registry.default, usable=await registry.available(), unusable=registry.unusable())
