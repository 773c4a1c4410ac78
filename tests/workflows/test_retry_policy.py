"""The delays between attempts, and their maximum number."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, ApplicationErrorCategory

from workflows.retry_policy import Failure, failure_of


def test_delays_grow_from_half_a_second_to_15_seconds() -> None:
    failure = Failure("Away.", "mcp_away", max_attempts=None)

    pauses = [failure.pause_after(attempt) for attempt in range(1, 18)]

    seconds = [pause.total_seconds() for pause in pauses if pause is not None]
    assert seconds[:3] == [0.5, 1, 1]
    assert sum(seconds[:6]) < 6
    assert seconds == sorted(seconds)
    assert seconds[-1] == 15


def test_there_is_no_attempt_after_a_permanent_failure() -> None:
    assert Failure("No.", "unknown_generator", max_attempts=1).pause_after(1) is None


def test_retry_after_is_respected_within_limits() -> None:
    minutes = Failure("Busy.", "rate_limited", max_attempts=None, pause=timedelta(minutes=5))
    days = Failure("Busy.", "rate_limited", max_attempts=None, pause=timedelta(days=2))
    at_once = Failure("Busy.", "rate_limited", max_attempts=None, pause=timedelta(0))

    assert minutes.pause_after(1) == timedelta(minutes=5)
    assert days.pause_after(1) == timedelta(hours=1)
    assert at_once.pause_after(1) == timedelta(seconds=0.5)


@pytest.mark.parametrize(
    ("code", "attempts"),
    [
        ("generator_silent", 3),
        ("generator_died", 5),
        ("generator_garbled", 5),
        ("generator_failed", 5),
        ("internal_error", 5),
    ],
)
def test_failures_that_may_not_pass_have_few_attempts(code: str, attempts: int) -> None:
    error = ApplicationError("Silent.", type=code, category=ApplicationErrorCategory.BENIGN)

    assert failure_of(failed_with(error)).max_attempts == attempts


def test_an_unavailable_service_has_unlimited_attempts() -> None:
    unavailable = ApplicationError("Away.", type="mcp_away", category=ApplicationErrorCategory.BENIGN)

    assert failure_of(failed_with(unavailable)).max_attempts is None


def failed_with(cause: Exception) -> ActivityError:
    error = ActivityError(
        "failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="",
        activity_type="generate",
        activity_id="1",
        retry_state=None,
    )
    error.__cause__ = cause
    return error
