"""How long a failed attempt waits, and how many there are."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, ApplicationErrorCategory

from workflows.failures import Failure, failure_of


def test_attempts_are_close_at_first_and_seconds_apart_in_a_long_outage() -> None:
    failure = Failure("Away.", "mcp_away", max_attempts=None)

    pauses = [failure.pause_after(attempt) for attempt in range(1, 18)]

    seconds = [pause.total_seconds() for pause in pauses if pause is not None]
    assert seconds[:3] == [0.5, 1, 1]
    assert sum(seconds[:6]) < 6
    assert seconds == sorted(seconds)
    assert seconds[-1] == 15


def test_an_attempt_that_cannot_be_helped_is_the_last() -> None:
    assert Failure("No.", "unknown_generator", max_attempts=1).pause_after(1) is None


def test_the_wish_when_to_come_back_is_kept_within_bounds() -> None:
    minutes = Failure("Busy.", "rate_limited", max_attempts=None, pause=timedelta(minutes=5))
    days = Failure("Busy.", "rate_limited", max_attempts=None, pause=timedelta(days=2))
    at_once = Failure("Busy.", "rate_limited", max_attempts=None, pause=timedelta(0))

    assert minutes.pause_after(1) == timedelta(minutes=5)
    assert days.pause_after(1) == timedelta(hours=1)
    assert at_once.pause_after(1) == timedelta(seconds=0.5)


@pytest.mark.parametrize(
    ("code", "most"),
    [
        ("generator_silent", 3),
        ("generator_died", 5),
        ("generator_garbled", 5),
        ("generator_failed", 5),
        ("internal_error", 5),
    ],
)
def test_a_model_that_hardly_recovers_is_asked_a_few_times(code: str, most: int) -> None:
    error = ApplicationError("Silent.", type=code, category=ApplicationErrorCategory.BENIGN)

    assert failure_of(failed_with(error)).max_attempts == most


def test_a_part_that_is_away_is_asked_for_as_long_as_the_execution_may_take() -> None:
    away = ApplicationError("Away.", type="mcp_away", category=ApplicationErrorCategory.BENIGN)

    assert failure_of(failed_with(away)).max_attempts is None


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
