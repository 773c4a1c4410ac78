"""How long a failed attempt waits, and how many there are."""

from datetime import timedelta

from workflows.attempts import Failure


def test_attempts_are_close_at_first_and_a_minute_apart_in_a_long_outage() -> None:
    failure = Failure("Away.", "mcp_away", most=None)

    pauses = [failure.pause_after(attempt) for attempt in range(1, 18)]

    seconds = [pause.total_seconds() for pause in pauses if pause is not None]
    assert seconds[:3] == [0.5, 1, 1]
    assert sum(seconds[:6]) < 6
    assert seconds == sorted(seconds)
    assert seconds[-1] == 60


def test_an_attempt_that_cannot_be_helped_is_the_last() -> None:
    assert Failure("No.", "unknown_generator", most=1).pause_after(1) is None


def test_the_wish_when_to_come_back_is_kept_within_bounds() -> None:
    hour = Failure("Busy.", "rate_limited", most=None, pause=timedelta(hours=1))
    at_once = Failure("Busy.", "rate_limited", most=None, pause=timedelta(0))

    assert hour.pause_after(1) == timedelta(seconds=60)
    assert at_once.pause_after(1) == timedelta(seconds=0.5)
