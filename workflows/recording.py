"""The records as the workflow writes them: at the start, along the way, and once at the end."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.clock import current_time
    from activities.records import Archive, Outcome, RecordActivities, Recorded
    from dynavera.contracts.events import TerminalEvent
    from dynavera.limits import (
        ARCHIVE_AGE,
        HEARTBEAT_TIMEOUT,
        PAGE_BYTES,
        RECORD_RETRY_INITIAL_INTERVAL,
        RECORD_RETRY_MAX_INTERVAL,
        RECORD_TIMEOUT,
    )
    from workflows import legacy
    from workflows.event_log import EventLog
    from workflows.local_first import LOCALLY, result_or_none
    from workflows.rules import EXACT_REPLAY, LOCAL_FIRST

UNTIL_DONE = RetryPolicy(initial_interval=RECORD_RETRY_INITIAL_INTERVAL, maximum_interval=RECORD_RETRY_MAX_INTERVAL)


@dataclass(frozen=True)
class Recorder:
    """Stores one execution's log and outcome."""

    log: EventLog
    rules: int

    async def begin(self) -> TerminalEvent | None:
        """Mark the execution as running; returns its terminal event if it has ended already."""
        begun = await result_or_none(
            workflow.execute_local_activity_method(RecordActivities.begin_execution, self.log.execution_id, **LOCALLY)
        )
        if begun is None:
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
        """The time now, recorded by an activity."""
        return await workflow.execute_activity(
            current_time, start_to_close_timeout=RECORD_TIMEOUT, retry_policy=UNTIL_DONE
        )

    async def archive_along(self) -> None:
        """Archive the tail whenever it is due, until cancelled."""
        try:
            while True:
                if self.rules < EXACT_REPLAY:
                    await legacy.archive_is_due(self.log)
                else:
                    await workflow.wait_condition(lambda: self.log.is_due(ARCHIVE_AGE))
                await self._archive_part()
        except ActivityError as error:
            # Cancelled while archiving: the outcome includes that part again.
            if not is_cancelled_exception(error):
                raise

    async def finish(self, event: TerminalEvent) -> TerminalEvent:
        """Record the outcome and return the stored one; a stop in the meantime does not interrupt it."""
        recording = asyncio.create_task(self._record(event))
        try:
            return await asyncio.shield(recording)
        except asyncio.CancelledError:
            return await recording

    async def _record(self, event: TerminalEvent) -> TerminalEvent:
        while self.log.tail_bytes > PAGE_BYTES:
            await self._archive_part()
        outcome = Outcome(tail=self.log.tail, event=event)
        recorded = await self._recorded_locally(outcome)
        if recorded is None:
            recorded = await workflow.execute_activity_method(
                RecordActivities.record_outcome,
                outcome,
                start_to_close_timeout=RECORD_TIMEOUT,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=UNTIL_DONE,
            )
        return recorded.event

    async def _recorded_locally(self, outcome: Outcome) -> Recorded | None:
        if self.rules < LOCAL_FIRST:
            return None
        return await result_or_none(
            workflow.execute_local_activity_method(RecordActivities.record_outcome, outcome, **LOCALLY)
        )

    async def _archive_part(self) -> None:
        events = self.log.oldest()
        stored = await workflow.execute_activity_method(
            RecordActivities.archive_events,
            Archive(execution_id=self.log.execution_id, events=events),
            start_to_close_timeout=RECORD_TIMEOUT,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=UNTIL_DONE,
        )
        # The activity stored what it was given when it was scheduled; a replay may compute a longer part.
        self.log.drop(legacy.archived_through(stored, events))
