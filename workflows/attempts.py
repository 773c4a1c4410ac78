"""Attempts are said, not hidden: what failed, whether it is tried again, and when."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.exceptions import ActivityError, ApplicationError, ApplicationErrorCategory, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeoutError

from dynavera.limits import RETRY_AFTER_MOST, RETRY_FIRST, RETRY_MOST, RETRY_SOON, RETRY_SOON_ATTEMPTS

SURPRISES_TRIED = 5
"""Attempts that end with an error nobody foresaw: a passing fault deserves some, a bug no more."""

FEWER = {"generator_silent": 3, "generator_died": 5, "generator_garbled": 5}
"""Foreseen failures that are tried again, but not for as long as the execution may take: each costs minutes, or the
loading of a model for which there may be no memory, or may be a fault that does not pass."""


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed, in words for the reader; `most` is how many attempts it is worth, None for any number."""

    message: str
    code: str
    most: int | None
    pause: timedelta | None = None

    def pause_after(self, attempt: int) -> timedelta | None:
        """How long to wait after this attempt; None when there is no further one."""
        if self.most is not None and attempt >= self.most:
            return None
        if self.pause is not None:
            return min(max(self.pause, RETRY_FIRST), RETRY_AFTER_MOST)
        if attempt <= RETRY_SOON_ATTEMPTS:
            return min(RETRY_FIRST * 2 ** (attempt - 1), RETRY_SOON)
        return min(RETRY_SOON * 2 ** min(attempt - RETRY_SOON_ATTEMPTS, 10), RETRY_MOST)


def failure_of(error: ActivityError) -> Failure:
    """What an activity's error means."""
    cause = error.cause
    if isinstance(cause, ActivityTimeoutError):
        return _timed_out(cause.type)
    if not isinstance(cause, ApplicationError):
        return Failure(str(cause or error), "internal_error", most=SURPRISES_TRIED)
    if cause.category is not ApplicationErrorCategory.BENIGN:
        message = f"Something unforeseen went wrong ({cause.type}: {cause.message}); the worker's log has the details."
        return Failure(message, "internal_error", most=SURPRISES_TRIED)
    return Failure(
        cause.message,
        cause.type or "internal_error",
        most=1 if cause.non_retryable else FEWER.get(cause.type or ""),
        pause=cause.next_retry_delay,
    )


def too_late(limit: timedelta, last: Failure) -> Failure:
    """The execution has used its time; `last` is why it was not done earlier."""
    return Failure(
        f"The execution took longer than its limit of {limit} and was given up. The last attempt failed: "
        f"{last.message} DYNAVERA_EXECUTION_TIME_LIMIT sets the limit.",
        "time_limit",
        most=1,
    )


def _timed_out(kind: TimeoutType | None) -> Failure:
    if kind is TimeoutType.HEARTBEAT:
        return Failure("The worker that ran it stopped answering.", "worker_lost", most=None)
    return Failure("It took too long.", "timeout", most=None)
