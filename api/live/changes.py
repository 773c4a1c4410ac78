"""Changes of a user's executions."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from dynavera.contracts.executions import Execution
from dynavera.records.database import DatabaseAway
from dynavera.records.executions import Executions
from dynavera.records.logs import ExecutionNotFound

logger = logging.getLogger(__name__)

MAX_DELAY = timedelta(seconds=5)
"""How long after its time a change may become visible: clocks differ, and transactions take time."""


@dataclass(frozen=True)
class ExecutionChanges:
    """Polls the records every `interval`."""

    records: Executions
    interval: timedelta

    async def watch(self, user_id: UUID, since: datetime) -> AsyncGenerator[Execution]:
        """The user's executions, each time one of them changes after `since`.

        A change from before `since` is included if it becomes visible only after the first poll.
        """
        seen: dict[UUID, datetime] | None = None
        newest = since
        while True:
            try:
                changed = await self.records.changed(user_id, newest - MAX_DELAY)
            except DatabaseAway as error:
                logger.warning("Changes cannot be seen now: %s", error)
                await asyncio.sleep(self.interval.total_seconds())
                continue
            if seen is None:
                seen = {execution_id: moment for moment, execution_id in changed if moment <= since}
            for moment, execution_id in changed:
                if moment > seen.get(execution_id, since - MAX_DELAY):
                    try:
                        execution = await self.records.get(user_id, execution_id)
                    except (ExecutionNotFound, DatabaseAway):
                        continue
                    seen[execution_id] = moment
                    newest = max(newest, moment)
                    yield execution
            seen = {one: moment for one, moment in seen.items() if moment >= newest - 2 * MAX_DELAY}
            await asyncio.sleep(self.interval.total_seconds())
