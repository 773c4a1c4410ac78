"""Reading the log of an execution from its workflow's history."""

import pytest
from temporalio.client import WorkflowHistory

from activities.batches import REPORT, EventBatch
from dynavera.contracts.events import ExecutionCompleted
from dynavera.contracts.execution_view import ExecutionView
from tests.workflows.fakes import Gate
from tests.workflows.test_replay import HISTORIES, cut_after_each_workflow_task, recorded
from tests.workflows.world import World, answer_of
from workflows.history_log import read_history


async def history_of(here: World, execution_id: object) -> WorkflowHistory:
    return await here.environment.client.get_workflow_handle(str(execution_id)).fetch_history()


async def test_the_log_of_an_ended_execution_is_the_recorded_one(here: World) -> None:
    async with here.worker():
        execution_id = await here.start()
        events = await here.events(execution_id)
        await here.closed_as(execution_id)

    log = await read_history(await history_of(here, execution_id))

    assert [events[0], *log.events, log.ended] == events


async def test_the_log_of_a_running_execution_is_the_live_one(here: World) -> None:
    here.mcp.gate = gate = Gate()

    async with here.worker():
        execution_id = await here.start()
        await here.wait_for_text(execution_id, "Light ")
        live = [entry.event for entry in await here.log.read(execution_id, 1)]
        log = await read_history(await history_of(here, execution_id))
        gate.opened.set()
        await here.events(execution_id)

    assert log.ended is None
    assert log.events == live


@pytest.mark.parametrize(
    "kind",
    [
        "rules_1/archived",
        "rules_2/archived",
        "rules_2/several_attempts",
        "rules_4/archived",
        "rules_4/several_attempts",
    ],
)
async def test_a_log_read_at_any_moment_is_a_prefix_of_the_whole_one(kind: str) -> None:
    whole = await read_history(recorded(kind))

    for part in cut_after_each_workflow_task(recorded(kind)):
        log = await read_history(part)

        assert log.events == whole.events[: len(log.events)]
    assert isinstance(whole.ended, ExecutionCompleted)
    assert whole.ended.sequence == len(whole.events) + 2


async def test_the_whole_text_is_read_even_if_the_history_does_not_replay() -> None:
    file = HISTORIES / "unreplayable" / "stands_still.json"
    history = WorkflowHistory.from_json("stands still", file.read_text())

    log = await read_history(history)

    assert log.ended is None
    assert [event.sequence for event in log.events] == list(range(2, len(log.events) + 2))
    assert answer_of(log.events) == written_in(history) != ""


def written_in(history: WorkflowHistory) -> str:
    """The answer, folded from all batches in the history."""
    view = ExecutionView()
    for event in history.events:
        signal = event.workflow_execution_signaled_event_attributes
        if signal.signal_name == REPORT:
            for content in EventBatch.model_validate_json(signal.input.payloads[0].data).contents:
                view.apply_content(content)
    return view.answer
