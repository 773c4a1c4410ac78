"""The recorded histories of each kind of execution replay on the current code.

`python -m tests.workflows.record_histories` records those of the current rules again. Do that only for a new kind: if a
history no longer replays, running executions would break when this code is deployed.
"""

from pathlib import Path
from uuid import UUID

import pytest
from temporalio import workflow
from temporalio.api.enums.v1.event_type_pb2 import EVENT_TYPE_WORKFLOW_TASK_COMPLETED
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner

from dynavera.records.deliveries import WorkflowInput
from tests.workflows.sandbox import sandbox
from tests.workflows.world import World
from workflows import rules
from workflows.agent_execution import AgentExecution, ExecutionRequest
from workflows.replay_guard import ReplayGuard

HISTORIES = Path(__file__).parents[1] / "histories"
KINDS = {
    "rules_1": [
        "archived",
        "archived_every_ten_seconds",
        "archived_less_often",
        "completed",
        "failed",
        "several_attempts",
        "stopped",
        "stopped_in_the_queue",
    ],
    "rules_2": [
        "archived",
        "archived_when_old",
        "completed",
        "failed",
        "several_attempts",
        "stopped",
        "stopped_in_the_queue",
        "unforeseen_error",
        "worker_lost",
    ],
}
KINDS["rules_3"] = [*KINDS["rules_2"], "stopped_as_it_ended"]
KINDS["rules_4"] = [*KINDS["rules_3"], "stopped_as_it_was_recorded"]
RECORDED = [f"{rules}/{kind}" for rules, kinds in KINDS.items() for kind in kinds]


def recorded(kind: str) -> WorkflowHistory:
    return WorkflowHistory.from_json(kind.split("/")[1], (HISTORIES / f"{kind}.json").read_text())


async def replay_failure(history: WorkflowHistory, runner: WorkflowRunner | None = None) -> Exception | None:
    replayer = Replayer(
        workflows=[AgentExecution],
        workflow_runner=ReplayGuard(runner or sandbox()),
        data_converter=pydantic_data_converter,
    )
    return (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure


def cut_after_each_workflow_task(history: WorkflowHistory) -> list[WorkflowHistory]:
    """The history as it was right after each of its workflow tasks."""
    events = list(history.events)
    ends = [end for end, event in enumerate(events, 1) if event.event_type == EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    return [WorkflowHistory(history.workflow_id, events[:end]) for end in ends]


def test_every_kind_of_execution_is_recorded() -> None:
    assert sorted(f"{file.parent.name}/{file.stem}" for file in HISTORIES.glob("rules_*/*.json")) == sorted(RECORDED)


@pytest.mark.parametrize("kind", RECORDED)
async def test_a_recorded_history_replays(kind: str) -> None:
    assert await replay_failure(recorded(kind)) is None


@pytest.mark.parametrize("kind", RECORDED)
async def test_a_recorded_history_replays_up_to_each_of_its_workflow_tasks(kind: str) -> None:
    for part in cut_after_each_workflow_task(recorded(kind)):
        assert await replay_failure(part, UnsandboxedWorkflowRunner()) is None, f"{len(part.events)} events"


@workflow.defn(name="AgentExecution")
class UnversionedChange(AgentExecution):
    """The execution waits for a second first, under all rules."""

    @workflow.init
    def __init__(self, request: ExecutionRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: ExecutionRequest) -> None:
        await workflow.sleep(1)
        await super().run(request)


@workflow.defn(name="AgentExecution")
class VersionedChange(AgentExecution):
    """The same change, only under the next rules."""

    @workflow.init
    def __init__(self, request: ExecutionRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: ExecutionRequest) -> None:
        if request.rules > rules.CURRENT:
            await workflow.sleep(1)
        await super().run(request)


async def failure_of_replay(changed: type[AgentExecution], kind: str) -> Exception | None:
    replayer = Replayer(
        workflows=[changed],
        # The sandbox would load all of pytest with this module.
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=pydantic_data_converter,
    )
    return (await replayer.replay_workflow(recorded(kind), raise_on_replay_failure=False)).replay_failure


@pytest.mark.parametrize("kind", RECORDED)
async def test_a_changed_workflow_without_a_version_is_caught(kind: str) -> None:
    assert isinstance(await failure_of_replay(UnversionedChange, kind), workflow.NondeterminismError)


@pytest.mark.parametrize("kind", RECORDED)
async def test_a_change_behind_a_version_replays(kind: str) -> None:
    assert await failure_of_replay(VersionedChange, kind) is None


def test_a_worker_refuses_executions_of_later_rules() -> None:
    rules.check_known(rules.CURRENT)

    with pytest.raises(rules.WorkerTooOld, match="start a newer worker"):
        rules.check_known(rules.CURRENT + 1)


async def test_an_execution_with_a_late_first_record_replays(here: World) -> None:
    execution = await here.records.accept(here.user.id, here.agent.id, {"query": "What?"})

    async with here.worker():
        async with here.database.writing():
            # The records are locked for longer than the local activity may take.
            await here.sweep.temporal.start(await workflow_input_of(here, execution.id))
            await here.history_has(execution.id, "ACTIVITY_TASK_SCHEDULED")
        await here.events(execution.id)
        await here.closed_as(execution.id)
    history = await here.environment.client.get_workflow_handle(str(execution.id)).fetch_history()

    assert await replay_failure(history) is None


async def workflow_input_of(here: World, execution_id: UUID) -> WorkflowInput:
    workflow_input = await here.deliveries.workflow_input(execution_id)
    assert workflow_input is not None
    return workflow_input
