"""Executions that cannot end by themselves: the sweep ends them and keeps their logs."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, update
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.limits import SweepLimits
from api.temporal import FailingTask
from dynavera.contracts.events import ExecutionError, ExecutionEvent
from dynavera.records.tables import EventRow, ExecutionRow
from tests.workflows.fakes import Gate
from tests.workflows.test_replay import UnversionedChange
from tests.workflows.world import QUEUE, TIMEOUT_SECONDS, World, answer_of, stopped

AT_ONCE = SweepLimits(inspection_age=timedelta(0))


@pytest.fixture(autouse=True)
def here(here: World) -> World:
    """The sweep inspects the youngest executions too."""
    here.sweep = replace(here.sweep, limits=AT_ONCE)
    return here


async def started_execution(here: World) -> tuple[UUID, list[ExecutionEvent]]:
    """An execution that has written "Light ", and its log so far; its worker was killed."""
    here.mcp.gate = Gate()
    async with here.executing_in_process() as worker, here.generating():
        execution_id = await here.start()
        await here.wait_for_text(execution_id, "Light ")
        log = [entry.event for entry in await here.log.read(execution_id, 1)]
        await here.deliveries.note_started(execution_id)
        worker.kill()
        await worker.wait()
    return execution_id, log


async def failing_task(here: World, execution_id: UUID) -> FailingTask:
    """The task that fails, once one does."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not isinstance(state := await here.temporal.state(execution_id), FailingTask):
            await asyncio.sleep(0.05)
    return state


def worker_with_other_code(here: World) -> Worker:
    """A worker whose workflow does not match the histories."""
    return Worker(
        here.environment.client,
        task_queue=QUEUE,
        workflows=[UnversionedChange],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


async def test_an_execution_that_does_not_match_its_history_is_reported_and_continues_with_the_right_code(
    here: World,
) -> None:
    execution_id, _ = await started_execution(here)

    async with worker_with_other_code(here):
        task = await failing_task(here, execution_id)
        await here.sweep.inspect()
        hindered = await here.deliveries.hindered()
        shown = await here.records.get(here.user.id, execution_id)
    here.mcp.gate = None
    async with here.worker():
        events = await here.events(execution_id)

    assert task.nondeterministic
    assert [each.execution_id for each in hindered] == [execution_id]
    assert shown.status == "running"
    assert shown.error_message is not None
    assert shown.error_message.startswith("The execution cannot go on: ")
    assert events[-1].type == "execution_completed"
    assert (await here.records.get(here.user.id, execution_id)).error_message is None


async def test_an_obstacle_that_has_passed_is_removed(here: World) -> None:
    execution_id, _ = await started_execution(here)
    await here.deliveries.note_obstacle(execution_id, "The execution cannot go on: something.")

    await here.sweep.inspect()

    assert await here.deliveries.hindered() == []


async def test_an_execution_that_never_matches_its_history_ends_with_the_reason_and_its_log(here: World) -> None:
    here.sweep = replace(here.sweep, limits=replace(AT_ONCE, nondeterminism_timeout=timedelta(0)))
    execution_id, log = await started_execution(here)

    async with worker_with_other_code(here):
        await failing_task(here, execution_id)
        await here.sweep.inspect()
        events = await here.events(execution_id)
        closed_as = await here.closed_as(execution_id)

    ending = events[-1]
    assert isinstance(ending, ExecutionError)
    assert ending.code == "cannot_go_on"
    assert "TMPRL1100" in ending.message
    assert ending.output_data is not None
    assert ending.output_data.answer == "Light " == answer_of(events)
    assert events[1:-1][: len(log)] == log
    assert closed_as == "TERMINATED"


async def test_a_stop_that_no_workflow_carries_out_ends_the_execution_and_keeps_its_log(here: World) -> None:
    execution_id, log = await started_execution(here)
    await here.stop(execution_id)
    await here.sweep.deliver()
    still_running = await here.logs.status(execution_id)

    here.sweep = replace(here.sweep, limits=replace(AT_ONCE, stop_timeout=timedelta(0)))
    await here.sweep.deliver()
    events = await here.events(execution_id)

    assert still_running == "running"
    ending = stopped(events)
    assert ending.output_data is not None
    assert ending.output_data.answer == "Light " == answer_of(events)
    assert ending.stop.characters == len("Light ")
    assert ending.stop.acknowledged_at is not None
    assert here.mcp.stopped == [str(execution_id)]
    assert events[1:-1][: len(log)] == log
    assert await here.closed_as(execution_id) == "TERMINATED"


async def test_an_execution_terminated_without_a_worker_keeps_its_log(here: World) -> None:
    execution_id, log = await started_execution(here)

    await here.environment.client.get_workflow_handle(str(execution_id)).terminate(reason="no room.")
    await here.sweep.inspect()
    events = await here.events(execution_id)

    assert events[1:-1][: len(log)] == log
    assert isinstance(events[-1], ExecutionError)
    assert events[-1].message == "The execution was terminated in Temporal: no room."


@pytest.mark.parametrize("known", [1, 3])
async def test_records_from_an_older_backup_get_the_outcome_from_temporal(here: World, known: int) -> None:
    async with here.worker():
        execution_id = await here.start()
        events = await here.events(execution_id)
        await here.closed_as(execution_id)
    before = await here.records.get(here.user.id, execution_id)
    await restore_older(here, execution_id, known)

    await here.sweep.inspect()

    assert await here.events(execution_id) == events
    assert await here.records.get(here.user.id, execution_id) == before


async def restore_older(here: World, execution_id: UUID, known: int) -> None:
    """Restore the records to when the execution had `known` archived events."""
    earlier = {"status": "running", "output_data": None, "completed_at": None}
    async with here.database.writing() as session:
        await session.execute(update(ExecutionRow).where(ExecutionRow.id == execution_id).values(**earlier))
        await session.execute(delete(EventRow).where(EventRow.execution_id == execution_id, EventRow.sequence > known))
