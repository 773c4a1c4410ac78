"""Stops in every phase: one terminal event, the same everywhere, and the partial answer is kept."""

import asyncio

import pytest

from dynavera.contracts.events import ExecutionCompleted, ExecutionStopped
from tests.workflows.fakes import Gate, unavailable
from tests.workflows.world import LogsThatStop, World, answer_of, stopped


async def test_a_queued_execution_is_stopped_without_a_worker(here: World) -> None:
    execution_id = await here.start()

    await here.stop(execution_id)
    events = await here.events(execution_id)

    assert [event.type for event in events] == ["execution_started", "execution_stopped"]
    assert stopped(events).stop.characters == 0
    async with here.worker():
        assert await here.closed_as(execution_id) == "CANCELED"
    assert await here.events(execution_id) == events


async def test_a_stop_before_the_workflow_exists_is_carried_out(here: World) -> None:
    execution = await here.records.accept(here.user.id, here.agent.id, {"query": "What?"})

    await here.stop(execution.id)
    await here.sweep.deliver()

    assert [event.type for event in await here.events(execution.id)] == ["execution_started", "execution_stopped"]
    assert await here.deliveries.not_started() == []


async def test_a_stop_during_retrieval_ends_the_execution_at_once(here: World) -> None:
    here.mcp.retrieval_gate = gate = Gate()

    async with here.worker():
        execution_id = await here.start()
        await gate.reached.wait()
        await here.stop(execution_id)
        events = await here.events(execution_id)

        assert await here.closed_as(execution_id) == "CANCELED"
    assert stopped(events).output_data is None
    assert here.mcp.calls == []


async def test_a_stop_during_generation_stops_the_generator_and_keeps_the_partial_answer(here: World) -> None:
    here.mcp.words = ["One, ", "two, ", "three."]
    here.mcp.gate = Gate()
    here.mcp.gate_after = 2

    async with here.worker():
        execution_id = await here.start()
        await here.wait_for_text(execution_id, "two, ")
        await here.stop(execution_id)
        events = await here.events(execution_id)

        assert await here.closed_as(execution_id) == "CANCELED"
    ending = stopped(events)
    assert ending.output_data is not None
    assert ending.output_data.answer == "One, two, " == answer_of(events)
    assert ending.output_data.partial
    assert ending.stop.characters == len("One, two, ")
    assert ending.stop.acknowledged_at is not None
    assert ending.stop.requested_at <= ending.stop.acknowledged_at <= ending.timestamp
    assert here.mcp.aborted == 1
    assert here.mcp.stopped == [str(execution_id)]
    execution = await here.records.get(here.user.id, execution_id)
    assert (execution.status, execution.output_data) == ("stopped", ending.output_data)


async def test_a_stop_between_two_attempts_does_not_wait(here: World) -> None:
    here.mcp.failures = [unavailable() for _ in range(50)]

    async with here.worker():
        execution_id = await here.start()
        await here.wait_for_text(execution_id, "Attempt 3 failed")
        await here.stop(execution_id)
        events = await here.events(execution_id)

    assert isinstance(events[-1], ExecutionStopped)
    assert here.mcp.stopped == [str(execution_id)]


async def test_a_second_stop_changes_nothing(here: World) -> None:
    here.mcp.gate = Gate()

    async with here.worker():
        execution_id = await here.start()
        await here.mcp.gate.reached.wait()
        await asyncio.gather(here.stop(execution_id), here.stop(execution_id))
        events = await here.events(execution_id)
        again = await here.records.request_stop(here.user.id, execution_id)

    assert again.ended_before
    assert again.execution.status == "stopped"
    assert [event.type for event in events].count("execution_stopped") == 1


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1])
async def test_a_stop_that_races_with_the_outcome_has_one_result_everywhere(here: World, pause: float) -> None:
    async def race() -> tuple[str, str, str]:
        execution_id = await here.start()
        async with asyncio.timeout(pause + 5):
            await asyncio.wait({asyncio.create_task(here.closed_as(execution_id))}, timeout=pause)
        await here.stop(execution_id)
        events = await here.events(execution_id)
        record = await here.records.get(here.user.id, execution_id)
        return events[-1].type, record.status, await here.closed_as(execution_id)

    async with here.worker():
        endings = await asyncio.gather(*(race() for _ in range(3)))

    assert set(endings) <= {
        ("execution_stopped", "stopped", "CANCELED"),
        ("execution_completed", "completed", "COMPLETED"),
    }


async def test_an_outcome_that_is_stored_counts_when_its_workflow_task_is_handled_again(here: World) -> None:
    here.logs = LogsThatStop(here.database, here)

    async with here.worker():
        execution_id = await here.start()
        events = await here.events(execution_id)
        closed_as = await here.closed_as(execution_id)
        tail = await here.temporal.events(execution_id, 0)

    assert await here.history_holds(execution_id, "WORKFLOW_TASK_FAILED")
    assert isinstance(events[-1], ExecutionCompleted)
    assert closed_as == "COMPLETED"
    # The workflow has handled the stop this time, so its own log is a shorter one: it leaves it to the records.
    assert tail.items == [events[-1]]
    assert tail.first == events[-1].sequence


async def test_a_stop_while_the_outcome_is_recorded_may_be_too_late(here: World) -> None:
    async with here.worker():
        execution_id = await here.start()
        await here.wait_for_text(execution_id, "Saving the answer.")
        await here.stop(execution_id)
        events = await here.events(execution_id)

    assert isinstance(events[-1], ExecutionCompleted | ExecutionStopped)
