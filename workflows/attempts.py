"""Why an attempt failed, whether and when the next one starts, and when the failure happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError
from temporalio.exceptions import ActivityError, ApplicationError, ApplicationErrorCategory, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeoutError

from dynavera.contracts.contract import UtcTime
from dynavera.limits import (
    HEARTBEAT_TIMEOUT,
    HISTORY_BYTES_SLOW_DOWN,
    HISTORY_EVENTS_SLOW_DOWN,
    RETRY_AFTER_MOST,
    RETRY_FIRST,
    RETRY_MOST,
    RETRY_SOON,
    RETRY_SOON_ATTEMPTS,
)

UNFORESEEN_ATTEMPTS = 5
"""Attempts that may end with an error nobody foresaw: a passing fault deserves some, a bug no more."""

FEWER = {"generator_silent": 3, "generator_died": 5, "generator_garbled": 5}
"""Foreseen failures that are tried again, but not for as long as the execution may take: each costs minutes, or the
loading of a model for which there may be no memory, or may be a fault that does not pass."""

EVENTS_OF_ATTEMPT, EVENTS_OF_SIGNAL = 11, 4
"""Events of history that a failed attempt and a signal cause, their workflow tasks included."""

_moment = TypeAdapter[datetime](UtcTime)


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed, in words for the reader.

    `most` is how many attempts it is worth, None for any number; `at` is when it happened, None where nothing in the
    history says so.
    """

    message: str
    code: str
    most: int | None
    pause: timedelta | None = None
    at: datetime | None = None

    def pause_after(self, attempt: int) -> timedelta | None:
        """How long to wait after this attempt; None when there is no further one."""
        if self.most is not None and attempt >= self.most:
            return None
        if self.pause is not None:
            return min(max(self.pause, RETRY_FIRST), RETRY_AFTER_MOST)
        if attempt <= RETRY_SOON_ATTEMPTS:
            return min(RETRY_FIRST * 2 ** (attempt - 1), RETRY_SOON)
        return min(RETRY_SOON * 2 ** min(attempt - RETRY_SOON_ATTEMPTS, 10), RETRY_MOST)


@dataclass
class HistoryEstimate:
    """How long the history is, estimated from what the workflow has caused.

    The length that Temporal reports is not used: it differs between an execution and its replay.
    """

    attempts: int = 0
    size: int = 0

    def slowdown(self, signals: int) -> int:
        """The factor for pauses between attempts: Temporal ends a history at 51,200 events or 50 MB."""
        events = self.attempts * EVENTS_OF_ATTEMPT + signals * EVENTS_OF_SIGNAL
        return 1 + max(events // HISTORY_EVENTS_SLOW_DOWN, self.size // HISTORY_BYTES_SLOW_DOWN)


def failure_of(error: ActivityError) -> Failure:
    """What an activity's error means."""
    cause = error.cause
    if isinstance(cause, ActivityTimeoutError):
        return _timed_out(cause)
    if not isinstance(cause, ApplicationError):
        return Failure(str(cause or error), "internal_error", most=UNFORESEEN_ATTEMPTS)
    if cause.category is not ApplicationErrorCategory.BENIGN:
        message = f"Something unforeseen went wrong ({cause.type}: {cause.message}); the worker's log has the details."
        return Failure(message, "internal_error", most=UNFORESEEN_ATTEMPTS)
    return Failure(
        cause.message,
        cause.type or "internal_error",
        most=1 if cause.non_retryable else FEWER.get(cause.type or ""),
        pause=cause.next_retry_delay,
        at=_time_in(cause.details),
    )


def too_late(limit: timedelta, last: Failure) -> Failure:
    """The execution has used its time; `last` is why it was not done earlier."""
    return Failure(
        f"The execution took longer than its limit of {limit} and was given up. The last attempt failed: "
        f"{last.message} DYNAVERA_EXECUTION_TIME_LIMIT sets the limit.",
        "time_limit",
        most=1,
    )


def _timed_out(error: ActivityTimeoutError) -> Failure:
    last_heartbeat = _time_in(error.last_heartbeat_details)
    if error.type is not TimeoutType.HEARTBEAT:
        return Failure("It took too long.", "timeout", most=None, at=last_heartbeat)
    noticed = None if last_heartbeat is None else last_heartbeat + HEARTBEAT_TIMEOUT
    return Failure("The worker that ran it stopped answering.", "worker_lost", most=None, at=noticed)


def _time_in(details: Sequence[Any]) -> datetime | None:
    """The time that an activity has put into its failure, or into its last heartbeat."""
    try:
        return _moment.validate_python(details[0]) if details else None
    except ValidationError:
        return None
