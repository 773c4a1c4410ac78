"""The log in the workflow: numbering, duplicates, late batches, pages and archiving."""

from datetime import UTC, datetime, timedelta

import pytest

from activities.batches import EventBatch
from dynavera.contracts.events import DeltaContent, ExecutionError, MessageContent, ProgressContent
from dynavera.identifiers import new_id
from dynavera.limits import ARCHIVE_AGE, ARCHIVE_EVENTS, PAGE_BYTES
from workflows.endings import failed
from workflows.event_log import EventLog, LogPage
from workflows.retry_policy import Failure

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def log() -> EventLog:
    events = EventLog(new_id(), new_id(), started_at=NOW)
    events.advance_clock(NOW)
    return events


def batch(attempt: int, index: int, offset: int, text: str) -> EventBatch:
    return EventBatch(attempt=attempt, index=index, at=NOW, contents=[DeltaContent(offset=offset, text=text)])


def test_a_duplicate_batch_is_dropped() -> None:
    events = log()
    events.expect_attempt(1)

    for _ in range(2):
        events.accept(batch(1, 0, 0, "a"))

    assert events.answer == "a"
    assert events.last == 2


def test_a_batch_of_an_abandoned_attempt_is_dropped() -> None:
    events = log()
    events.expect_attempt(1)
    events.accept(batch(1, 0, 0, "a"))
    events.expect_attempt(2)

    events.accept(batch(1, 1, 1, "b"))
    events.accept(batch(2, 0, 1, "c"))

    assert events.answer == "ac"


def test_a_batch_after_the_last_attempt_is_dropped() -> None:
    events = log()
    events.expect_attempt(1)
    events.reject_batches()

    events.accept(batch(1, 0, 0, "a"))

    assert events.last == 1


def test_a_tail_of_many_pages_can_be_read_and_no_page_is_too_large() -> None:
    events = log()
    for number in range(40):
        events.append(DeltaContent(offset=number * 20_000, text="x" * 20_000))

    read: list[int] = []
    while page := events.page(read[-1] if read else 1).items:
        assert sum(len(event.model_dump_json()) for event in page) <= PAGE_BYTES
        read += [event.sequence for event in page]

    assert read == list(range(2, 42))


def test_an_event_larger_than_a_page_has_its_own_page() -> None:
    events = log()
    events.append(MessageContent(text="x" * (PAGE_BYTES + 1)))
    events.append(ProgressContent(stage="saving", message="Saving."))

    assert [event.sequence for event in events.page(1).items] == [2]
    assert [event.sequence for event in events.page(2).items] == [3]


def test_archived_events_are_dropped_and_the_page_has_the_first_of_the_tail() -> None:
    events = log()
    for number in range(5):
        events.append(DeltaContent(offset=number, text="x"))

    events.drop(events.page(1).items[2].sequence)
    page = events.page(1)

    assert (page.first, page.last) == (5, 6)
    assert [event.sequence for event in page.items] == [5, 6]
    assert events.page(6).items == []


def test_offsets_count_code_points() -> None:
    events = log()

    events.append(DeltaContent(offset=0, text="a🧠b"))
    events.append(DeltaContent(offset=2, text="c"))

    assert events.answer == "a🧠c"


@pytest.mark.parametrize("sequence", [3, 4, 6])
def test_a_log_that_ended_elsewhere_in_the_records_is_left_to_them(sequence: int) -> None:
    """The tail has the events 2 to 4: the records have fewer, others, or more."""
    events = log()
    for number in range(3):
        events.append(DeltaContent(offset=number, text="x"))
    ending = ExecutionError(
        execution_id=events.execution_id,
        agent_id=events.agent_id,
        sequence=sequence,
        timestamp=NOW,
        message="Terminated.",
        code="terminated",
        output_data=None,
    )

    events.close(ending)

    assert events.page(1) == LogPage(first=sequence, last=sequence, items=[ending])


def test_no_batch_takes_the_number_of_the_terminal_event() -> None:
    events = log()
    events.expect_attempt(1)

    ending = failed(events, Failure("Too late.", "time_limit", max_attempts=1))
    events.accept(batch(1, 0, 0, "late"))
    events.close(ending)

    assert [event.type for event in events.page(1).items] == ["execution_error"]


def test_timestamps_never_decrease() -> None:
    events = log()

    events.advance_clock(NOW - timedelta(seconds=1))
    events.append(DeltaContent(offset=0, text="a"))

    assert events.page(1).items[0].timestamp == NOW


def test_a_tail_is_due_when_it_is_long_or_old() -> None:
    events = log()
    for number in range(ARCHIVE_EVENTS - 1):
        events.append(DeltaContent(offset=number, text="x"))
    young = events.is_due(ARCHIVE_AGE)
    events.advance_clock(NOW + ARCHIVE_AGE)
    events.append(DeltaContent(offset=0, text="x"))

    assert not young
    assert events.is_due(ARCHIVE_AGE)
