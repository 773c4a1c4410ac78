"""Failures of activities: the reason in words, when it happened, and whether another attempt can help."""

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
    RETRY_AFTER_MAX,
    RETRY_FIRST_DELAY,
    RETRY_MAX_DELAY,
    RETRY_SHORT_ATTEMPTS,
    RETRY_SHORT_DELAY,
)

UNFORESEEN_ATTEMPTS = 5
"""Attempts at something that fails unexpectedly: enough for a passing fault, few enough for a bug."""

MAX_ATTEMPTS = {
    "generator_silent": 3,
    "generator_died": 5,
    "generator_garbled": 5,
    "generator_failed": 5,
    "internal_error": UNFORESEEN_ATTEMPTS,
}
"""Maximum attempts for expected failures that may not pass, or whose every attempt costs minutes or loads a model. All
others are retried for as long as the execution may take."""

_moment = TypeAdapter[datetime](UtcTime)


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed.

    `message` is for the reader. `max_attempts` is None for any number; `at` is None if the history does not have it.
    """

    message: str
    code: str
    max_attempts: int | None
    pause: timedelta | None = None
    at: datetime | None = None

    def pause_after(self, attempt: int) -> timedelta | None:
        """How long to wait after this attempt; None when there is no further one."""
        if self.max_attempts is not None and attempt >= self.max_attempts:
            return None
        if self.pause is not None:
            return min(max(self.pause, RETRY_FIRST_DELAY), RETRY_AFTER_MAX)
        if attempt <= RETRY_SHORT_ATTEMPTS:
            return min(RETRY_FIRST_DELAY * 2 ** (attempt - 1), RETRY_SHORT_DELAY)
        return min(RETRY_SHORT_DELAY * 2 ** min(attempt - RETRY_SHORT_ATTEMPTS, 10), RETRY_MAX_DELAY)


def failure_of(error: ActivityError) -> Failure:
    """The failure that an activity's error stands for."""
    cause = error.cause
    if isinstance(cause, ActivityTimeoutError):
        return _timed_out(cause)
    if not isinstance(cause, ApplicationError):
        return Failure(str(cause or error), "internal_error", max_attempts=UNFORESEEN_ATTEMPTS)
    if cause.category is not ApplicationErrorCategory.BENIGN:
        message = f"Something unforeseen went wrong ({cause.type}: {cause.message}); the worker's log has the details."
        return Failure(message, "internal_error", max_attempts=UNFORESEEN_ATTEMPTS)
    return Failure(
        cause.message,
        cause.type or "internal_error",
        max_attempts=1 if cause.non_retryable else MAX_ATTEMPTS.get(cause.type or ""),
        pause=cause.next_retry_delay,
        at=_time_in(cause.details),
    )


def too_late(limit: timedelta, last: Failure) -> Failure:
    """The execution's time is up; `last` is why it did not complete earlier."""
    return Failure(
        f"The execution took longer than its limit of {limit} and was given up. The last attempt failed: "
        f"{last.message} DYNAVERA_EXECUTION_TIME_LIMIT sets the limit.",
        "time_limit",
        max_attempts=1,
    )


def _timed_out(error: ActivityTimeoutError) -> Failure:
    last_heartbeat = _time_in(error.last_heartbeat_details)
    if error.type is not TimeoutType.HEARTBEAT:
        return Failure("It took too long.", "timeout", max_attempts=None, at=last_heartbeat)
    noticed = None if last_heartbeat is None else last_heartbeat + HEARTBEAT_TIMEOUT
    return Failure("The worker that ran it stopped answering.", "worker_lost", max_attempts=None, at=noticed)


def _time_in(details: Sequence[Any]) -> datetime | None:
    """The time that an activity has recorded in its failure or its last heartbeat."""
    try:
        return _moment.validate_python(details[0]) if details else None
    except ValidationError:
        return None
