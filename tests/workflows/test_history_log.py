"""The log of an execution as its workflow's history has it."""

import pytest
from temporalio.client import WorkflowHistory

from activities.batches import REPORT, EventBatch
from dynavera.contracts.events import DeltaContent, ExecutionCompleted, apply_delta
from tests.workflows.fakes import Gate
from tests.workflows.test_replay import HISTORIES, cut_after_each_workflow_task, recorded
from tests.workflows.world import World, answer_of
from workflows.history_log import read_history


async def history_of(here: World, execution_id: object) -> WorkflowHistory:
    return await here.environment.client.get_workflow_handle(str(execution_id)).fetch_history()


async def test_an_execution_that_has_ended_is_read_as_it_was_recorded(here: World) -> None:
    async with here.worker():
        execution_id = await here.start()
        events = await here.events(execution_id)
        await here.closed_as(execution_id)

    log = await read_history(await history_of(here, execution_id))

    assert [events[0], *log.events, log.ended] == events


async def test_an_execution_that_runs_is_read_as_it_is_seen(here: World) -> None:
    here.mcp.gate = gate = Gate()

    async with here.worker():
        execution_id = await here.start()
        await here.said(execution_id, "Light ")
        seen = await here.log.read(execution_id, 1)
        log = await read_history(await history_of(here, execution_id))
        gate.opened.set()
        await here.events(execution_id)

    assert log.ended is None
    assert log.events == seen


@pytest.mark.parametrize("shape", ["rules_1/archived", "rules_2/archived", "rules_2/several_attempts"])
async def test_a_log_that_is_read_at_any_moment_is_the_beginning_of_the_whole_one(shape: str) -> None:
    whole = await read_history(recorded(shape))

    for part in cut_after_each_workflow_task(recorded(shape)):
        log = await read_history(part)

        assert log.events == whole.events[: len(log.events)]
    assert isinstance(whole.ended, ExecutionCompleted)
    assert whole.ended.sequence == len(whole.events) + 2


async def test_of_an_execution_that_no_longer_matches_its_history_all_that_was_written_is_read() -> None:
    file = HISTORIES / "unreplayable" / "stands_still.json"
    history = WorkflowHistory.from_json("stands still", file.read_text())

    log = await read_history(history)

    assert log.ended is None
    assert [event.sequence for event in log.events] == list(range(2, len(log.events) + 2))
    assert answer_of(log.events) == written_in(history) != ""


def written_in(history: WorkflowHistory) -> str:
    """The answer, folded from all the batches that the workflow was sent."""
    answer = ""
    for event in history.events:
        signal = event.workflow_execution_signaled_event_attributes
        if signal.signal_name == REPORT:
            for content in EventBatch.model_validate_json(signal.input.payloads[0].data).contents:
                answer = apply_delta(answer, content) if isinstance(content, DeltaContent) else answer
    return answer
