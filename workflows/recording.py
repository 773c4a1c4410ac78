"""How a workflow writes to the records: when it begins, along the way, and once at the end."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.clock import current_time
    from activities.records import Archive, Outcome, RecordActivities
    from dynavera.contracts.events import TerminalEvent
    from dynavera.limits import (
        ARCHIVE_AFTER,
        BEGIN_AT_ONCE,
        HEARTBEAT_TIMEOUT,
        PAGE_BYTES,
        RECORD_RETRY_FIRST,
        RECORD_RETRY_MOST,
        RECORD_TIMEOUT,
    )
    from workflows import legacy
    from workflows.event_log import EventLog
    from workflows.rules import EXACT_REPLAY

ONCE = RetryPolicy(maximum_attempts=1)
UNTIL_DONE = RetryPolicy(initial_interval=RECORD_RETRY_FIRST, maximum_interval=RECORD_RETRY_MOST)


@dataclass(frozen=True)
class Recorder:
    """Keeps one execution's log and outcome."""

    log: EventLog
    rules: int

    async def begin(self) -> TerminalEvent | None:
        """Note that the execution runs; where it has ended already, its terminal event."""
        try:
            begun = await workflow.execute_local_activity_method(
                RecordActivities.begin_execution,
                self.log.execution_id,
                schedule_to_close_timeout=BEGIN_AT_ONCE,
                retry_policy=ONCE,
            )
        except FailureError as error:
            # Replayed from the history, a local activity's failure comes bare, without the ActivityError around it.
            if is_cancelled_exception(error):
                raise
            begun = await workflow.execute_activity_method(
                RecordActivities.begin_execution,
                self.log.execution_id,
                start_to_close_timeout=RECORD_TIMEOUT,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=UNTIL_DONE,
            )
        self.log.advance_clock(begun.at)
        return begun.ended

    async def current_time(self) -> datetime:
        """The time now, as an activity records it."""
        return await workflow.execute_activity(
            current_time, start_to_close_timeout=RECORD_TIMEOUT, retry_policy=UNTIL_DONE
        )

    async def archive_along(self) -> None:
        """Archive the tail whenever it is long or old enough, for as long as this task runs."""
        try:
            while True:
                if self.rules < EXACT_REPLAY:
                    await legacy.archive_is_due(self.log)
                else:
                    await workflow.wait_condition(lambda: self.log.is_due(ARCHIVE_AFTER))
                await self._archive_part()
        except ActivityError as error:
            # Cancelled while it archived, which the outcome does over: nobody waits to hear of it.
            if not is_cancelled_exception(error):
                raise

    async def finish(self, event: TerminalEvent) -> TerminalEvent:
        """Record the outcome, and learn which one is stored; a stop that comes meanwhile does not interrupt it."""
        recording = asyncio.create_task(self._record(event))
        try:
            return await asyncio.shield(recording)
        except asyncio.CancelledError:
            return await recording

    async def _record(self, event: TerminalEvent) -> TerminalEvent:
        while self.log.waiting_bytes > PAGE_BYTES:
            await self._archive_part()
        recorded = await workflow.execute_activity_method(
            RecordActivities.record_outcome,
            Outcome(tail=self.log.tail, event=event),
            start_to_close_timeout=RECORD_TIMEOUT,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=UNTIL_DONE,
        )
        return recorded.event

    async def _archive_part(self) -> None:
        events = self.log.part()
        stored = await workflow.execute_activity_method(
            RecordActivities.archive_events,
            Archive(execution_id=self.log.execution_id, events=events),
            start_to_close_timeout=RECORD_TIMEOUT,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=UNTIL_DONE,
        )
        # What is stored is what the activity was given when it was scheduled; a replay may compute a longer part.
        self.log.drop(legacy.archived_through(stored, events))
