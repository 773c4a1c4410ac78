"""The terminal events of an execution."""

from datetime import datetime
from typing import Any

from activities.generation import CompleteAnswer
from dynavera.contracts.events import ExecutionCompleted, ExecutionError, ExecutionStopped
from dynavera.contracts.executions import CompletedOutput, StopReceipt
from dynavera.uncited_answers import cites_none
from workflows.event_log import EventLog
from workflows.retry_policy import Failure


def completed(log: EventLog, whole: CompleteAnswer) -> ExecutionCompleted:
    """The answer is complete."""
    output = CompletedOutput(
        answer=log.answer,
        sources=log.sources,
        generator=whole.generator,
        usage=whole.usage,
        finish_reason=whole.finish_reason,
        reasoning=whole.reasoning or None,
        cites_no_source=cites_none(whole.generator, log.answer, len(log.sources)),
    )
    return ExecutionCompleted(**_envelope(log), output_data=output)


def failed(log: EventLog, failure: Failure) -> ExecutionError:
    """The execution failed; the partial answer is kept."""
    return ExecutionError(**_envelope(log), message=failure.message, code=failure.code, output_data=log.partial_output)


def stopped(log: EventLog, acknowledged_at: datetime | None) -> ExecutionStopped:
    """The execution was stopped; the partial answer is kept. The records add when the stop was requested."""
    receipt = StopReceipt(requested_at=log.now, acknowledged_at=acknowledged_at, characters=len(log.answer))
    return ExecutionStopped(
        **_envelope(log), message="Stopped on request.", output_data=log.partial_output, stop=receipt
    )


def _envelope(log: EventLog) -> dict[str, Any]:
    # A later batch must not take the sequence of the terminal event.
    log.reject_batches()
    return {
        "execution_id": log.execution_id,
        "agent_id": log.agent_id,
        "sequence": log.last + 1,
        "timestamp": log.now,
    }
