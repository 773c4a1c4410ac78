"""Histories of each shape of execution, recorded once, replay on today's code.

`python -m tests.workflows.record_histories` records them anew; do that only for a new shape, for a history that does
not replay any more is an execution that would break when this code is deployed.
"""

from pathlib import Path
from uuid import UUID

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from dynavera.records.deliveries import Order
from tests.workflows.world import World
from workflows.agent_execution import AgentExecution, ExecutionOrder
from workflows.worker import sandbox

HISTORIES = Path(__file__).parents[1] / "histories"
SHAPES = [
    "archived",
    "archived_every_ten_seconds",
    "archived_less_often",
    "completed",
    "failed",
    "several_attempts",
    "stopped",
    "stopped_in_the_queue",
]


def test_every_shape_of_execution_is_recorded() -> None:
    assert sorted(file.stem for file in HISTORIES.glob("*.json")) == SHAPES


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_recorded_history_replays(shape: str) -> None:
    history = WorkflowHistory.from_json(shape, (HISTORIES / f"{shape}.json").read_text())
    replayer = Replayer(workflows=[AgentExecution], workflow_runner=sandbox(), data_converter=pydantic_data_converter)

    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)

    assert result.replay_failure is None


@workflow.defn(name="AgentExecution")
class HastyChange(AgentExecution):
    """Somebody lets the execution wait for a second first, as a change for everybody."""

    @workflow.init
    def __init__(self, order: ExecutionOrder) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: ExecutionOrder) -> None:
        await workflow.sleep(1)
        await super().run(order)


@workflow.defn(name="AgentExecution")
class PatchedChange(AgentExecution):
    """The same change, for executions that start from now on."""

    @workflow.init
    def __init__(self, order: ExecutionOrder) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: ExecutionOrder) -> None:
        if workflow.patched("wait-first"):
            await workflow.sleep(1)
        await super().run(order)


async def failure_of_replay(changed: type[AgentExecution], shape: str) -> Exception | None:
    history = WorkflowHistory.from_json(shape, (HISTORIES / f"{shape}.json").read_text())
    replayer = Replayer(
        workflows=[changed],
        # A test's module is no workflow's: the sandbox would load all of pytest.
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=pydantic_data_converter,
    )
    return (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_changed_workflow_without_a_patch_is_caught(shape: str) -> None:
    assert isinstance(await failure_of_replay(HastyChange, shape), workflow.NondeterminismError)


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_change_behind_a_patch_replays(shape: str) -> None:
    assert await failure_of_replay(PatchedChange, shape) is None


async def test_an_execution_whose_first_record_was_late_replays(here: World) -> None:
    execution = await here.records.accept(here.user.id, here.agent.id, {"query": "What?"})

    async with here.worker():
        async with here.database.writing():
            # The records are locked for longer than the local activity may take.
            await here.sweep.temporal.start(await order_of(here, execution.id))
            await here.history_has(execution.id, "ACTIVITY_TASK_SCHEDULED")
        await here.events(execution.id)
        await here.closed_as(execution.id)
    history = await here.environment.client.get_workflow_handle(str(execution.id)).fetch_history()
    replayer = Replayer(workflows=[AgentExecution], workflow_runner=sandbox(), data_converter=pydantic_data_converter)
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)

    assert result.replay_failure is None


async def order_of(here: World, execution_id: UUID) -> Order:
    order = await here.deliveries.order(execution_id)
    assert order is not None
    return order
