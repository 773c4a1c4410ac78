"""How the parts are that an execution needs."""

import asyncio
from dataclasses import dataclass

from api.health import database_check, mcp_check, overall
from api.knowledge import Knowledge
from api.temporal import Temporal, TemporalAway
from dynavera.contracts.system import Check, Checks, Health
from dynavera.records.database import Database, DatabaseAway
from dynavera.records.deliveries import Deliveries

NAMED = 3
"""Executions that are named; of further ones the number."""


@dataclass(frozen=True)
class Parts:
    """Asks every part at the same time; none may take longer than two seconds."""

    database: Database
    deliveries: Deliveries
    temporal: Temporal
    knowledge: Knowledge

    async def check(self) -> Health:
        """How the parts are now."""
        database, (temporal, worker), mcp, obstacles = await asyncio.gather(
            database_check(self.database), self._temporal(), mcp_check(self.knowledge), self._obstacles()
        )
        if obstacles is not None and worker.status == "ok":
            worker = Check(status="hindered", detail=obstacles)
        return overall(Checks(database=database, temporal=temporal, worker=worker, mcp=mcp))

    async def temporal_version(self) -> str | None:
        """The Temporal server's version; None while it does not answer."""
        try:
            return await self.temporal.version()
        except TemporalAway:
            return None

    async def _obstacles(self) -> str | None:
        """Which executions cannot go on at present, in words; None for none."""
        try:
            hindered = await self.deliveries.hindered()
        except DatabaseAway:
            return None
        if not hindered:
            return None
        named = ", ".join(str(one.execution_id) for one in hindered[:NAMED])
        more = f" and {len(hindered) - NAMED} more" if len(hindered) > NAMED else ""
        return f"A worker runs, but cannot go on with {named}{more}: the worker's log and Temporal Web say why."

    async def _temporal(self) -> tuple[Check, Check]:
        try:
            has_worker = await self.temporal.has_worker()
        except TemporalAway:
            away = Check(status="away", detail="Temporal does not answer.")
            return away, Check(status="away", detail="Whether a worker runs is known when Temporal answers.")
        temporal = Check(status="ok", detail="Temporal answers.")
        if has_worker:
            return temporal, Check(status="ok", detail="A worker runs.")
        return temporal, Check(status="away", detail="No worker is running: start one with `dynavera worker`.")
