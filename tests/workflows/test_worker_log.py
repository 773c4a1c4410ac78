"""The worker's log has no errors after normal operation."""

import asyncio
import gc

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.generation import GenerationRequest, GenerationResult
from dynavera.contracts.events import ExecutionCompleted
from dynavera.limits import ARCHIVE_EVENTS
from tests.workflows.fakes import Gate
from tests.workflows.world import QUEUE, World, stopped
from workflows.agent_execution import generations_queue


def errors(log: pytest.LogCaptureFixture) -> list[str]:
    # Unretrieved exceptions are logged when their tasks are collected.
    gc.collect()
    return [record.getMessage() for record in log.records if record.levelname in {"ERROR", "CRITICAL"}]


async def test_an_attempt_that_fails_during_a_stop_is_not_an_error(
    here: World, caplog: pytest.LogCaptureFixture
) -> None:
    reached, opened = asyncio.Event(), asyncio.Event()

    @activity.defn(name="generate")
    async def fail(generation: GenerationRequest) -> GenerationResult:
        reached.set()
        await opened.wait()
        raise ApplicationError(f"Attempt {generation.attempt} failed.")

    async with Worker(here.environment.client, task_queue=generations_queue(QUEUE), activities=[fail]):
        async with here.executing():
            execution_id = await here.start()
            await reached.wait()
        opened.set()
        await here.history_has(execution_id, "ACTIVITY_TASK_FAILED")
        await here.stop(execution_id)
        await here.history_has(execution_id, "CANCEL_REQUESTED")
        async with here.executing():
            # Both are in one workflow task.
            events = await here.events(execution_id)
            closed_as = await here.closed_as(execution_id)

    assert stopped(events).output_data is None
    assert closed_as == "CANCELED"
    assert errors(caplog) == []


async def test_archiving_at_the_end_is_not_an_error(here: World, caplog: pytest.LogCaptureFixture) -> None:
    here.mcp.status_lines = [f"Line {number}." for number in range(ARCHIVE_EVENTS)]
    here.mcp.retrieval_gate = retrieving = Gate()
    here.mcp.gate = archiving = Gate()
    here.mcp.gate_after = 0

    async with here.worker():
        execution_id = await here.start()
        await retrieving.reached.wait()
        async with here.database.writing():
            retrieving.opened.set()
            await here.history_schedules(execution_id, "archive_events")
            archiving.opened.set()
            await here.history_schedules(execution_id, "record_outcome")
        events = await here.events(execution_id)
        closed_as = await here.closed_as(execution_id)

    assert isinstance(events[-1], ExecutionCompleted)
    assert closed_as == "COMPLETED"
    assert errors(caplog) == []
