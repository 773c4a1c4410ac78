from datetime import UTC, datetime, timedelta

import pytest

from dynavera.cli.log_lines import log_line, stop_receipt
from dynavera.contracts.events import ExecutionStopped
from dynavera.contracts.executions import StopReceipt
from dynavera.identifiers import new_id

REQUESTED_AT = datetime(2026, 1, 1, 10, tzinfo=UTC)


def stopped(*, acknowledged_after: float | None, ended_after: float, characters: int) -> ExecutionStopped:
    acknowledged = None if acknowledged_after is None else REQUESTED_AT + timedelta(seconds=acknowledged_after)
    return ExecutionStopped(
        execution_id=new_id(),
        agent_id=new_id(),
        sequence=7,
        timestamp=REQUESTED_AT + timedelta(seconds=ended_after),
        message="Stopped on request.",
        output_data=None,
        stop=StopReceipt(requested_at=REQUESTED_AT, acknowledged_at=acknowledged, characters=characters),
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.34, "stopped in 0.3 s"),
        (0.25, "stopped in 0.3 s"),
        (0.02, "stopped in less than 0.1 s"),
        (-0.07, "stopped in less than 0.1 s"),
        (9.96, "stopped in 10 s"),
        (14.6, "stopped in 15 s"),
        (187, "stopped in 3 min 7 s"),
    ],
)
def test_stop_receipt_has_the_time_until_the_generator_confirmed(seconds: float, text: str) -> None:
    event = stopped(acknowledged_after=seconds, ended_after=500, characters=214)

    assert stop_receipt(event) == f"{text}, 214 characters kept"


def test_stop_receipt_without_confirmation_has_the_time_until_the_end() -> None:
    event = stopped(acknowledged_after=None, ended_after=0.4, characters=1214)

    assert stop_receipt(event) == "stopped in 0.4 s without word from the generator, 1,214 characters kept"


def test_stop_receipt_before_any_text_needs_no_confirmation() -> None:
    event = stopped(acknowledged_after=None, ended_after=0.12, characters=0)

    assert stop_receipt(event) == "stopped in 0.1 s, nothing had been written"


def test_log_line_of_a_stop_has_its_receipt() -> None:
    line = log_line(stopped(acknowledged_after=0.1, ended_after=0.2, characters=1))

    assert line is not None
    assert line.plain.endswith("Stopped on request. (stopped in 0.1 s, 1 character kept)")
