"""Keeps a workflow from running ahead of its workflow tasks while a query is answered.

To answer a query of a workflow that is not in memory, a worker replays the history. Events after the last workflow
task, such as the timeout of an activity, are delivered to the workflow too, with the clock of the previous task,
although no workflow task has been started for them. The workflow handles them and stays in memory in that state. Events
that arrive before its next workflow task are then handled afterwards, whereas every later replay handles both together:
the execution no longer matches its history and hangs, or its log has a gap.

The guard ends such a replay with an error. Temporal's core then fails the query and drops the workflow from memory, and
the next query or workflow task replays it from the start. See docs/decisions/exact-replay.md.
"""

from collections.abc import Sequence
from typing import Protocol

from temporalio import workflow
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner

AHEAD = "The workflow was about to run ahead of its workflow tasks; the next query or workflow task replays it."


class Activate(Protocol):
    """Handles one activation of a workflow."""

    def __call__(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """The workflow's commands, or the failure."""
        ...


class ReplayGuard(WorkflowRunner):
    """Runs workflows by `runner`, but not ahead of their workflow tasks."""

    def __init__(self, runner: WorkflowRunner) -> None:
        self._runner = runner

    def prepare_workflow(self, defn: workflow._Definition) -> None:  # pyright: ignore[reportPrivateUsage] -- the base class's signature
        """Delegate to the runner."""
        self._runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """The runner's instance, guarded."""
        instance = self._runner.create_instance(det)
        instance.activate = guarded(instance.activate)
        return instance

    def set_worker_level_failure_exception_types(self, types: Sequence[type[BaseException]]) -> None:
        """Delegate to the runner."""
        self._runner.set_worker_level_failure_exception_types(types)


def guarded(activate: Activate) -> Activate:
    """`activate`, but for activations that run ahead of the workflow tasks: those fail.

    The size that an activation reports is that of the history when the last workflow task was started, so a new task
    reports a larger one. Activations of one task go no further in the history than the first of them. A server that
    reports no size (0) is not guarded.
    """
    size = length = 0

    def activate_guarded(act: WorkflowActivation) -> WorkflowActivationCompletion:
        nonlocal size, length
        if act.history_length > length and 0 < act.history_size_bytes == size and not _has_only_queries(act):
            ahead = WorkflowActivationCompletion()
            ahead.failed.failure.message = AHEAD
            return ahead
        size, length = act.history_size_bytes, act.history_length
        return activate(act)

    return activate_guarded


def _has_only_queries(act: WorkflowActivation) -> bool:
    """Whether there are only queries and evictions, which do not reach the workflow's code."""
    return all(job.WhichOneof("variant") in {"query_workflow", "remove_from_cache"} for job in act.jobs)
