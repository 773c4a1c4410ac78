"""Discovers new executions of watched agents, whichever process started them."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from dynavera.bus.messages import Accepted, BusMessage
from dynavera.contracts.contract import utc_now
from dynavera.records.database import DatabaseAway
from dynavera.records.executions import Executions

logger = logging.getLogger(__name__)

LOOK_BACK = timedelta(seconds=30)
"""The maximum age of an execution that is seen for the first time: clocks differ, and transactions take time."""


@dataclass
class NewExecutions:
    """Polls the records every `interval`, once for all watchers of this process; not at all without watchers."""

    records: Executions
    interval: timedelta
    _watchers: dict[UUID, set[asyncio.Queue[UUID]]] = field(default_factory=dict[UUID, set[asyncio.Queue[UUID]]])
    _polling: asyncio.Task[None] | None = None
    _check_now: asyncio.Event = field(default_factory=asyncio.Event)

    def check_now(self) -> None:
        """Poll at once: an execution was started in this process."""
        self._check_now.set()

    def receive(self, message: BusMessage) -> None:
        """Poll at once if the event bus says that an execution of a watched agent was started in any process."""
        if isinstance(message, Accepted) and message.agent_id in self._watchers:
            self.check_now()

    async def recent(self, agent_id: UUID) -> list[UUID]:
        """The agent's executions that are live or were accepted a moment ago.

        Raises:
            DatabaseAway: the database cannot be used now.
        """
        return [execution_id for _, execution_id in await self.records.of_agents({agent_id}, utc_now() - LOOK_BACK)]

    async def watch(self, agent_id: UUID, seen: set[UUID]) -> AsyncGenerator[UUID]:
        """Each execution of the agent that is not in `seen`, once, as it is accepted; adds it to `seen`."""
        found: asyncio.Queue[UUID] = asyncio.Queue()
        self._watchers.setdefault(agent_id, set()).add(found)
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll_regularly())
        try:
            while True:
                execution_id = await found.get()
                if execution_id not in seen:
                    seen.add(execution_id)
                    yield execution_id
        finally:
            self._watchers[agent_id].discard(found)
            if not self._watchers[agent_id]:
                del self._watchers[agent_id]
            if not self._watchers:
                self._stop_polling()

    def _stop_polling(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
            self._polling = None

    async def _poll_regularly(self) -> None:
        is_broken = False
        while True:
            try:
                await self._poll()
            except DatabaseAway as error:
                logger.warning("New executions cannot be seen now: %s", error)
            except Exception:
                # Polling must survive any error, or viewers would see no new executions; a repeated one is logged once.
                if not is_broken:
                    logger.exception("New executions cannot be seen until this is resolved.")
                is_broken = True
            else:
                is_broken = False
            try:
                async with asyncio.timeout(self.interval.total_seconds()):
                    await self._check_now.wait()
            except TimeoutError:
                continue
            self._check_now.clear()

    async def _poll(self) -> None:
        for agent_id, execution_id in await self.records.of_agents(set(self._watchers), utc_now() - LOOK_BACK):
            for found in self._watchers.get(agent_id, ()):
                found.put_nowait(execution_id)
