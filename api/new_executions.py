"""Executions of watched agents, wherever they were started."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from dynavera.contracts.contract import utc_now
from dynavera.records.database import DatabaseAway
from dynavera.records.executions import Executions

logger = logging.getLogger(__name__)

LOOK_BACK = timedelta(seconds=30)
"""How old an execution may be that is seen for the first time: clocks differ, and transactions take their time."""


@dataclass
class NewExecutions:
    """One look at the records for all watchers of this process; none while nobody watches."""

    records: Executions
    interval: timedelta
    _watchers: dict[UUID, set[asyncio.Queue[UUID]]] = field(default_factory=dict[UUID, set[asyncio.Queue[UUID]]])
    _looking: asyncio.Task[None] | None = None
    _hurry: asyncio.Event = field(default_factory=asyncio.Event)

    def hurry(self) -> None:
        """Look now: an execution was started here."""
        self._hurry.set()

    async def known(self, agent_id: UUID) -> list[UUID]:
        """The agent's executions that are live now or were accepted just before."""
        return [execution_id for _, execution_id in await self.records.of_agents({agent_id}, utc_now() - LOOK_BACK)]

    async def after(self, agent_id: UUID, known: set[UUID]) -> AsyncGenerator[UUID]:
        """Each execution of the agent that is not in `known`, once, as it is accepted; adds it to `known`."""
        arrived: asyncio.Queue[UUID] = asyncio.Queue()
        self._watchers.setdefault(agent_id, set()).add(arrived)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_regularly())
        try:
            while True:
                execution_id = await arrived.get()
                if execution_id not in known:
                    known.add(execution_id)
                    yield execution_id
        finally:
            self._watchers[agent_id].discard(arrived)
            if not self._watchers[agent_id]:
                del self._watchers[agent_id]
            if not self._watchers:
                self._rest()

    def _rest(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look_regularly(self) -> None:
        broken = False
        while True:
            try:
                await self._look()
            except DatabaseAway as error:
                logger.warning("New executions cannot be seen now: %s", error)
            except Exception:
                # Whatever it is, those who watch are to see what comes after it. It is said once, not at every look.
                if not broken:
                    logger.exception("New executions cannot be seen until this has passed.")
                broken = True
            else:
                broken = False
            try:
                async with asyncio.timeout(self.interval.total_seconds()):
                    await self._hurry.wait()
            except TimeoutError:
                continue
            self._hurry.clear()

    async def _look(self) -> None:
        found = await self.records.of_agents(set(self._watchers), utc_now() - LOOK_BACK)
        for agent_id, execution_id in found:
            for arrived in self._watchers.get(agent_id, ()):
                arrived.put_nowait(execution_id)
