"""Retrieval, as an activity."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from temporalio import activity

from activities.application_errors import refused, unavailable
from activities.heartbeat import heartbeating
from activities.mcp_errors import McpAway, McpRefused
from dynavera.contracts.contract import Contract, UtcTime, utc_now
from dynavera.contracts.mcp import Retrieved


class RetrievalRequest(Contract):
    """The user, the query and the collection of a search."""

    user_id: UUID
    query: str
    collection: str
    top_k: int


class RetrievalResult(Retrieved):
    """The passages found, and when."""

    at: UtcTime


class Knowledge(Protocol):
    """Finds passages: the MCP service."""

    async def retrieve(self, user_id: UUID, query: str, collection: str, top_k: int) -> Retrieved:
        """The passages that match, best first."""
        ...


@dataclass(frozen=True)
class KnowledgeActivities:
    """Retrieval."""

    knowledge: Knowledge

    @activity.defn
    async def retrieve(self, request: RetrievalRequest) -> RetrievalResult:
        """The passages that match the query, best first; possibly none.

        Raises:
            ApplicationError: its type is the refusal's code; `non_retryable` when trying again cannot help.
        """
        async with heartbeating():
            try:
                retrieved = await self.knowledge.retrieve(
                    request.user_id, request.query, request.collection, request.top_k
                )
            except McpRefused as error:
                raise refused(error) from error
            except McpAway as error:
                raise unavailable(error) from error
        return RetrievalResult(passages=retrieved.passages, at=utc_now())
