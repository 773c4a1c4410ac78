"""What the workflow asks of the knowledge base."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from temporalio import activity

from activities.heartbeat import heartbeating
from activities.mcp_client import McpAway, McpRefused
from activities.refusals import away, refused
from dynavera.contracts.contract import Contract, UtcTime, utc_now
from dynavera.contracts.mcp import Retrieved


class Retrieval(Contract):
    """What to look for, for whom, and where."""

    user_id: UUID
    query: str
    collection: str
    top_k: int


class Found(Retrieved):
    """What was found, and when."""

    at: UtcTime


class Knowledge(Protocol):
    """What finds passages: the MCP service."""

    async def retrieve(self, user_id: UUID, query: str, collection: str, top_k: int) -> Retrieved:
        """The passages that fit, the best first."""
        ...


@dataclass(frozen=True)
class KnowledgeActivities:
    """Retrieval."""

    knowledge: Knowledge

    @activity.defn
    async def retrieve(self, retrieval: Retrieval) -> Found:
        """The passages that fit the query, the best first; none is an answer too.

        Raises:
            ApplicationError: its type is the refusal's code; `non_retryable` when trying again cannot help.
        """
        async with heartbeating():
            try:
                retrieved = await self.knowledge.retrieve(
                    retrieval.user_id, retrieval.query, retrieval.collection, retrieval.top_k
                )
            except McpRefused as error:
                raise refused(error) from error
            except McpAway as error:
                raise away(error) from error
        return Found(passages=retrieved.passages, at=utc_now())
