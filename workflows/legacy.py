"""The rules for executions that started before `rules.EXACT_REPLAY`, so that their histories replay.

Their commands depend on the workflow's clock, which can differ in a replay (see docs/decisions/exact-replay.md): some
of these executions cannot be replayed any more. The sweep ends those.
"""

from datetime import datetime
from typing import cast

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from dynavera.contracts.events import ExecutionEvent
    from dynavera.limits import ARCHIVE_AGE, LEGACY_ARCHIVE_AGE
    from workflows.event_log import EventLog

ARCHIVES_LESS_OFTEN = "archives-less-often"
"""The patch with which the tail may grow older."""

START_MESSAGE = "A worker has begun."


def workflow_clock() -> datetime:
    """The time of a failed attempt."""
    return workflow.now()


async def archive_is_due(log: EventLog) -> None:
    """Wait until the tail is to be archived."""
    await workflow.wait_condition(lambda: log.is_due(LEGACY_ARCHIVE_AGE))
    if workflow.patched(ARCHIVES_LESS_OFTEN):
        await workflow.wait_condition(lambda: log.is_due(ARCHIVE_AGE))


def archived_through(stored: int, events: list[ExecutionEvent]) -> int:
    """The sequence up to which `events` were archived; histories of older workers do not have it."""
    return events[-1].sequence if cast("int | None", stored) is None else stored
