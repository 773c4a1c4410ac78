"""How the parts are that the API can ask without Temporal."""

import asyncio

from sqlalchemy import select

from api.knowledge import Knowledge, McpAway
from dynavera.contracts.system import Check, Checks, Health
from dynavera.records.database import Database, DatabaseAway
from dynavera.records.tables import UserRow

CHECK_SECONDS = 2


async def database_check(database: Database) -> Check:
    """Whether the database answers, and has our tables."""
    try:
        async with asyncio.timeout(CHECK_SECONDS), database.reading() as session:
            await session.scalar(select(UserRow.id).limit(1))
    except (DatabaseAway, TimeoutError):
        # The reason may name hosts and files, and this answer is for everybody.
        return Check(status="away", detail="The database cannot be used now.")
    return Check(status="ok", detail="The database answers.")


async def mcp_check(knowledge: Knowledge) -> Check:
    """Whether the MCP service answers, and what it works with."""
    try:
        service = await knowledge.health()
    except McpAway as error:
        return Check(status="away", detail=str(error))
    return Check(status="ok", detail=f"Generator {service.generator}, embedder {service.embedder}.")


def overall(checks: Checks) -> Health:
    """`ok` when every part can be used; that it is hindered by some executions is said of the part."""
    parts = (checks.database, checks.temporal, checks.worker, checks.mcp)
    return Health(status="degraded" if any(part.status == "away" for part in parts) else "ok", checks=checks)
