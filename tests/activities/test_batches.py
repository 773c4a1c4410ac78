"""The batches that an attempt sends to its workflow."""

from dataclasses import dataclass

import pytest

from activities.batches import Outbox, SignalBudget
from dynavera.contracts.events import DeltaContent, ProgressContent
from dynavera.contracts.execution_view import ExecutionView
from dynavera.limits import ARCHIVE_AGE, BATCHES_BEFORE_SLOWDOWN, DELTA_SLOWDOWN_INTERVAL

HISTORY_EVENTS_PER_BATCH = 4
"""A signal and its workflow task: scheduled, started, completed."""

HISTORY_EVENTS_PER_ARCHIVE = 6
"""An activity's three, and those of the workflow task after it."""


@dataclass
class Clock:
    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("activities.batches.time", clock)
    return clock


def outbox(generations: int = 1) -> Outbox:
    return Outbox(1, SignalBudget(100, generations), ExecutionView())


def test_the_first_delta_waits_briefly_and_later_ones_for_the_interval(clock: Clock) -> None:
    outgoing = outbox()

    outgoing.add_text(0, "a")
    first = outgoing.seconds_until_due()
    clock.now += 0.02
    due = outgoing.seconds_until_due()
    outgoing.take_batch()
    outgoing.add_text(1, "b")

    assert first == pytest.approx(0.015)
    assert due == 0
    assert outgoing.seconds_until_due() == pytest.approx(0.1, rel=0.01)


@pytest.mark.usefixtures("clock")
def test_an_empty_outbox_is_never_due() -> None:
    assert outbox().seconds_until_due() is None


@pytest.mark.usefixtures("clock")
def test_consecutive_pieces_are_one_delta_and_batches_are_numbered() -> None:
    outgoing = outbox()

    outgoing.add_text(0, "a🧠")
    outgoing.add_text(2, "b")
    first = outgoing.take_batch()
    outgoing.add_text(0, "new")
    second = outgoing.take_batch()

    assert first.contents == [DeltaContent(offset=0, text="a🧠b")]
    assert second.contents == [DeltaContent(offset=0, text="new")]
    assert (first.index, second.index) == (0, 1)
    assert outgoing.answer == "new"


@pytest.mark.usefixtures("clock")
def test_text_after_a_status_line_is_announced() -> None:
    outgoing = outbox()

    outgoing.add_note("Loading the model.")
    outgoing.add_text(0, "a")

    assert outgoing.take_batch().contents == [
        ProgressContent(stage="initializing", message="Loading the model."),
        ProgressContent(stage="generating", message="Writing the answer."),
        DeltaContent(offset=0, text="a"),
    ]


@pytest.mark.usefixtures("clock")
def test_a_note_about_the_text_is_unsent_until_it_is_in_a_batch() -> None:
    outgoing = outbox()
    outgoing.add_text(0, "Light is red.")
    outgoing.take_batch()

    outgoing.add_note("A citation was removed.")
    unsent = outgoing.has_unsent_note
    outgoing.add_text(13, " It shines.")
    batch = outgoing.take_batch()

    assert batch.contents == [
        ProgressContent(stage="generating", message="A citation was removed."),
        DeltaContent(offset=13, text=" It shines."),
    ]
    assert unsent
    assert not outgoing.has_unsent_note


@pytest.mark.usefixtures("clock")
def test_the_reason_for_missing_text_is_unsent_until_there_is_text() -> None:
    outgoing = outbox()

    outgoing.add_note("Loading the model.")
    before = outgoing.has_unsent_note
    outgoing.add_text(0, "a")

    assert before
    assert not outgoing.has_unsent_note


def test_many_generations_share_the_budget_of_signals() -> None:
    assert SignalBudget(100, 50).pause(0, 0).total_seconds() == 0.5


@pytest.mark.usefixtures("clock")
def test_an_attempt_slows_down_before_temporals_limit_of_signals() -> None:
    assert SignalBudget(100, 1).pause(10**6, BATCHES_BEFORE_SLOWDOWN) == DELTA_SLOWDOWN_INTERVAL


@pytest.mark.usefixtures("clock")
def test_a_muted_outbox_is_never_due() -> None:
    outgoing = outbox()
    outgoing.add_text(0, "a")

    outgoing.mute()

    assert outgoing.seconds_until_due() is None
    assert outgoing.answer == "a"


def test_45_minutes_at_20_tokens_a_second_stay_within_temporals_limits(clock: Clock) -> None:
    outgoing, minutes, rate = outbox(), 45, 20
    batches = 0

    for _ in range(minutes * 60 * rate):
        outgoing.add_text(len(outgoing.answer), "word ")
        clock.now += 1 / rate
        if outgoing.seconds_until_due() == 0:
            outgoing.take_batch()
            batches += 1

    archives = minutes * 60 / ARCHIVE_AGE.total_seconds()
    assert batches < BATCHES_BEFORE_SLOWDOWN
    assert batches * HISTORY_EVENTS_PER_BATCH + archives * HISTORY_EVENTS_PER_ARCHIVE < 8_000
