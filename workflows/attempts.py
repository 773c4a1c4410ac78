"""Attempts at one step of an execution: the workflow's own retries, so that each failure is in the log."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from dynavera.contracts.events import ProgressContent
    from dynavera.contracts.executions import Stage
    from dynavera.limits import HISTORY_SLOWDOWN_BYTES, HISTORY_SLOWDOWN_EVENTS
    from workflows import legacy, rules
    from workflows.event_log import EventLog
    from workflows.recording import Recorder
    from workflows.retry_policy import Failure, failure_of, too_late

T = TypeVar("T")

EVENTS_PER_ATTEMPT, EVENTS_PER_SIGNAL = 11, 4
"""Events of history that a failed attempt and a signal cause, including their workflow tasks."""


class ExecutionFailed(Exception):
    """The execution cannot continue."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass
class Attempts:
    """Runs activities until they succeed, cannot succeed, or the execution's time is up."""

    log: EventLog
    records: Recorder
    started_at: datetime
    time_limit: timedelta
    count: int = 0
    request_bytes: int = 0
    """The size of the activities' inputs so far, as JSON."""

    @property
    def time_left(self) -> timedelta:
        """The time until the execution's limit, at least a second."""
        return max(self.started_at + self.time_limit - self.log.now, timedelta(seconds=1))

    async def run(self, stage: Stage, start: Callable[[int], workflow.ActivityHandle[T]]) -> T:
        """The result of the first attempt that succeeds; `start` gets the attempt's number.

        Raises:
            ExecutionFailed: the last failure cannot be helped, or time is up.
            CancelledError: a stop was requested.
        """
        attempt = without_progress = 1
        while True:
            if stop_requested():
                raise asyncio.CancelledError
            self.count += 1
            published = self.log.answer
            try:
                return await self._result(start(attempt))
            except ActivityError as error:
                failure = failure_of(error)
                if is_cancelled_exception(error) or self._is_stopped_after(failure, without_progress):
                    raise asyncio.CancelledError from error
                self.log.advance_clock(await self._time_of(failure))
                # After an attempt that has produced text the next one starts soon.
                without_progress = without_progress if self.log.answer == published else 1
                await self._pause(stage, attempt, without_progress, failure)
            attempt += 1
            without_progress += 1

    async def _result(self, activity: workflow.ActivityHandle[T]) -> T:
        """The activity's result. A stop cancels the activity, unless it has ended in the same moment."""
        try:
            await workflow.wait([activity])
        except asyncio.CancelledError:
            # One step of the event loop shows whether the activity has ended. Cancelling one that has failed would
            # leave an exception that nobody retrieves, and an error in the worker's log.
            await asyncio.sleep(0)
            if not activity.done():
                return await _cancelled(activity)
            if self.records.rules < rules.ENDED_FIRST:
                activity.exception()
                raise
        return await activity

    def _is_stopped_after(self, failure: Failure, without_progress: int) -> bool:
        """Whether a stop ends the execution, not the failure: one that is final has ended it before."""
        is_final = failure.pause_after(without_progress) is None
        return stop_requested() and (self.records.rules < rules.ENDED_FIRST or not is_final)

    async def _time_of(self, failure: Failure) -> datetime:
        if self.records.rules < rules.EXACT_REPLAY:
            return legacy.workflow_clock()
        return failure.at or await self.records.current_time()

    async def _pause(self, stage: Stage, attempt: int, without_progress: int, failure: Failure) -> None:
        pause = failure.pause_after(without_progress)
        if pause is None:
            raise ExecutionFailed(failure)
        pause *= self._history_slowdown()
        if pause >= self.started_at + self.time_limit - self.log.now:
            raise ExecutionFailed(too_late(self.time_limit, failure))
        seconds = pause.total_seconds()
        self.log.append(
            ProgressContent(
                stage=stage,
                message=f"Attempt {attempt} failed: {failure.message} Trying again in {seconds:g} s.",
                attempt=attempt,
                error=failure.message,
                retry_in_seconds=seconds,
            )
        )
        await workflow.sleep(pause, summary=f"before attempt {attempt + 1}")

    def _history_slowdown(self) -> int:
        """The factor for pauses: Temporal ends a history at 51,200 events or 50 MB.

        Its length is estimated from what the workflow has caused: the length that Temporal reports differs between an
        execution and its replay.
        """
        events = self.count * EVENTS_PER_ATTEMPT + self.log.received * EVENTS_PER_SIGNAL
        return 1 + max(events // HISTORY_SLOWDOWN_EVENTS, self.request_bytes // HISTORY_SLOWDOWN_BYTES)


def stop_requested() -> bool:
    """Whether a stop has been requested; an activity that ends in the same moment can swallow the cancellation."""
    return workflow.cancellation_reason() is not None


async def _cancelled(activity: workflow.ActivityHandle[T]) -> T:
    """Cancel the activity; its result, if it has one nevertheless."""
    activity.cancel()
    try:
        return await activity
    except ActivityError as error:
        raise asyncio.CancelledError from error
