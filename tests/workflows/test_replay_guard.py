"""The replay guard delivers what belongs to a workflow task, and nothing after the last one."""

import pytest
from temporalio.bridge.proto.activity_result import ActivityResolution, Cancellation, Success
from temporalio.bridge.proto.workflow_activation import (
    CancelWorkflow,
    FireTimer,
    InitializeWorkflow,
    QueryWorkflow,
    RemoveFromCache,
    ResolveActivity,
    SignalWorkflow,
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion

from workflows.replay_guard import guarded

INITIALIZE = WorkflowActivationJob(initialize_workflow=InitializeWorkflow())
SIGNAL = WorkflowActivationJob(signal_workflow=SignalWorkflow())
QUERY = WorkflowActivationJob(query_workflow=QueryWorkflow())
RESULT = WorkflowActivationJob(resolve_activity=ResolveActivity(seq=1, result=ActivityResolution(completed=Success())))
LOCAL_RESULT = WorkflowActivationJob(
    resolve_activity=ResolveActivity(seq=1, is_local=True, result=ActivityResolution(completed=Success()))
)
CANCELLED_AT_ONCE = WorkflowActivationJob(
    resolve_activity=ResolveActivity(seq=1, result=ActivityResolution(cancelled=Cancellation()))
)


def activation(length: int, size: int, *jobs: WorkflowActivationJob) -> WorkflowActivation:
    return WorkflowActivation(run_id="run", history_length=length, history_size_bytes=size, jobs=jobs)


def delivered(*activations: WorkflowActivation) -> list[bool]:
    """Whether each of these activations reached the workflow."""
    reached: list[WorkflowActivation] = []

    def activate(act: WorkflowActivation) -> WorkflowActivationCompletion:
        reached.append(act)
        return WorkflowActivationCompletion()

    guard = guarded(activate)
    failed = [guard(act).HasField("failed") for act in activations]
    assert len(reached) == failed.count(False)
    return [not failure for failure in failed]


@pytest.mark.parametrize(
    "job",
    [
        SIGNAL,
        RESULT,
        WorkflowActivationJob(fire_timer=FireTimer()),
        WorkflowActivationJob(cancel_workflow=CancelWorkflow()),
    ],
)
def test_jobs_after_the_last_workflow_task_do_not_reach_the_workflow(job: WorkflowActivationJob) -> None:
    started, ahead = activation(3, 500, INITIALIZE), activation(9, 500, job)

    assert delivered(started, ahead) == [True, False]


def test_each_workflow_task_is_delivered() -> None:
    tasks = [activation(3, 500, INITIALIZE), activation(8, 900, SIGNAL), activation(13, 1400, SIGNAL, RESULT)]

    assert delivered(*tasks) == [True, True, True]


@pytest.mark.parametrize("job", [LOCAL_RESULT, CANCELLED_AT_ONCE])
def test_results_within_a_workflow_task_are_delivered(job: WorkflowActivationJob) -> None:
    assert delivered(activation(3, 500, INITIALIZE), activation(3, 500, job)) == [True, True]


@pytest.mark.parametrize("job", [QUERY, WorkflowActivationJob(remove_from_cache=RemoveFromCache())])
def test_queries_and_evictions_are_always_delivered(job: WorkflowActivationJob) -> None:
    assert delivered(activation(3, 500, INITIALIZE), activation(5, 500, job)) == [True, True]


def test_a_server_that_reports_no_size_is_not_guarded() -> None:
    assert delivered(activation(3, 0, INITIALIZE), activation(9, 0, SIGNAL)) == [True, True]
