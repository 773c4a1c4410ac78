"""The three ways an execution ends, as the last event of its log."""

from datetime import datetime
from typing import Any

from activities.generation import Whole
from dynavera.contracts.events import ExecutionCompleted, ExecutionError, ExecutionStopped
from dynavera.contracts.executions import CompletedOutput, PartialOutput, StopReceipt
from workflows.attempts import Failure
from workflows.event_log import EventLog


def completed(log: EventLog, whole: Whole) -> ExecutionCompleted:
    """There is a whole answer."""
    output = CompletedOutput(answer=log.answer, sources=log.sources, generator=whole.generator, usage=whole.usage)
    return ExecutionCompleted(**_envelope(log), output_data=output)


def failed(log: EventLog, failure: Failure) -> ExecutionError:
    """It could not go on; what had been written is kept."""
    return ExecutionError(**_envelope(log), message=failure.message, code=failure.code, output_data=_partial(log))


def stopped(log: EventLog, acknowledged_at: datetime | None) -> ExecutionStopped:
    """It was stopped; what had been written is kept, with the receipt. The records know when the stop was requested."""
    receipt = StopReceipt(requested_at=log.now, acknowledged_at=acknowledged_at, characters=len(log.answer))
    return ExecutionStopped(**_envelope(log), message="Stopped on request.", output_data=_partial(log), stop=receipt)


def _partial(log: EventLog) -> PartialOutput | None:
    return PartialOutput(answer=log.answer, sources=log.sources, partial=True) if log.answer else None


def _envelope(log: EventLog) -> dict[str, Any]:
    # Nothing may take the number of the last word: a batch that still comes is dropped.
    log.expect_none()
    return {
        "execution_id": log.execution_id,
        "agent_id": log.agent_id,
        "sequence": log.last + 1,
        "timestamp": log.now,
    }
