"""Health of the database, Temporal, the worker and the MCP service."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from api.knowledge import Knowledge, McpAway
from api.temporal import Temporal, TemporalAway
from dynavera.contracts.system import Check, Checks, Health
from dynavera.records.database import Database, DatabaseAway
from dynavera.records.deliveries import Deliveries
from dynavera.records.tables import UserRow

LISTED_EXECUTIONS = 3
"""Executions that are listed by id; the rest are counted."""


@dataclass(frozen=True)
class HealthChecks:
    """Checks all components at the same time; none may take longer than two seconds."""

    database: Database
    deliveries: Deliveries
    temporal: Temporal
    knowledge: Knowledge
    timeout: timedelta
    """How long each check may take."""

    async def check(self) -> Health:
        """The health of every component now; `ok` unless one of them is away."""
        database, (temporal, worker), mcp, obstacles = await asyncio.gather(
            self.check_database(), self._check_temporal(), self.check_mcp(), self._obstacles()
        )
        if obstacles is not None and worker.status == "ok":
            worker = Check(status="hindered", detail=obstacles)
        is_degraded = any(check.status == "away" for check in (database, temporal, worker, mcp))
        checks = Checks(database=database, temporal=temporal, worker=worker, mcp=mcp)
        return Health(status="degraded" if is_degraded else "ok", checks=checks)

    async def check_database(self) -> Check:
        """Whether the database answers and has our tables."""
        try:
            async with asyncio.timeout(self.timeout.total_seconds()), self.database.reading() as session:
                await session.scalar(select(UserRow.id).limit(1))
        except (DatabaseAway, TimeoutError):
            # The reason may contain hosts and files, and this response is public.
            return Check(status="away", detail="The database cannot be used now.")
        return Check(status="ok", detail="The database answers.")

    async def check_mcp(self) -> Check:
        """Whether the MCP service answers, and its generator and embedder."""
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                service = await self.knowledge.health()
        except McpAway as error:
            return Check(status="away", detail=str(error))
        except TimeoutError:
            return Check(status="away", detail="The MCP service did not answer in time.")
        return Check(status="ok", detail=f"Generator {service.generator}, embedder {service.embedder}.")

    async def temporal_version(self) -> str | None:
        """The Temporal server's version; None while it does not answer."""
        try:
            return await self.temporal.version()
        except TemporalAway:
            return None

    async def _check_temporal(self) -> tuple[Check, Check]:
        """The checks of Temporal and of the worker."""
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                has_worker = await self.temporal.has_worker()
        except (TemporalAway, TimeoutError):
            away = Check(status="away", detail="Temporal does not answer.")
            return away, Check(status="away", detail="Unknown until Temporal answers.")
        temporal = Check(status="ok", detail="Temporal answers.")
        if has_worker:
            return temporal, Check(status="ok", detail="A worker runs.")
        return temporal, Check(status="away", detail="No worker is running: start one with `dynavera worker`.")

    async def _obstacles(self) -> str | None:
        """A sentence about the executions that cannot continue at present; None without any."""
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                hindered = await self.deliveries.hindered()
        except (DatabaseAway, TimeoutError):
            return None
        if not hindered:
            return None
        listed = ", ".join(str(one.execution_id) for one in hindered[:LISTED_EXECUTIONS])
        more = f" and {len(hindered) - LISTED_EXECUTIONS} more" if len(hindered) > LISTED_EXECUTIONS else ""
        return f"A worker runs, but cannot go on with {listed}{more}: the worker's log and Temporal Web say why."
