"""A log larger than the kernel's buffers, for tests with clients that do not read."""

import base64
import os
from typing import Any
from uuid import UUID

from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import ExecutionEvent, ExecutionStopped, ProgressContent, agent_event
from dynavera.contracts.executions import StopReceipt
from dynavera.records.database import Database
from dynavera.records.executions import Executions
from dynavera.records.logs import Logs

LARGE_EVENTS = 160
LARGE_BYTES = LARGE_EVENTS * 100_000


async def large_log(database: Database, user_id: UUID, agent_id: UUID) -> UUID:
    """A stopped execution with 16 MB of log. Its text is random, so that nothing on the way can compress it."""
    logs = Logs(database)
    execution = await Executions(database, "").accept(user_id, agent_id, {"query": "Much?"})
    await logs.begin(execution.id)
    envelope: dict[str, Any] = {"execution_id": execution.id, "agent_id": agent_id, "timestamp": utc_now()}
    log: list[ExecutionEvent] = [
        agent_event(ProgressContent(stage="initializing", message=_random_text()), sequence=2 + number, **envelope)
        for number in range(LARGE_EVENTS)
    ]
    receipt = StopReceipt(requested_at=utc_now(), acknowledged_at=None, characters=0)
    ending = ExecutionStopped(sequence=LARGE_EVENTS + 2, message="Stopped.", output_data=None, stop=receipt, **envelope)
    await logs.finish(log, ending)
    return execution.id


def _random_text() -> str:
    return base64.b64encode(os.urandom(75_000)).decode()
