"""Reads an execution's log from its workflow's history, for executions whose workflow cannot be queried any more."""

import copy
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from temporalio import workflow
from temporalio.api.common.v1 import Payloads
from temporalio.api.history.v1 import HistoryEvent
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    Replayer,
    UnsandboxedWorkflowRunner,
    WorkflowInboundInterceptor,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowInterceptorClassInput,
)

from activities.batches import REPORT, EventBatch
from activities.records import Archive, Outcome, Recorded
from dynavera.contracts.events import ExecutionEvent, TerminalEvent
from workflows.agent_execution import AgentExecution
from workflows.event_log import EventLog

T = TypeVar("T")

LOCAL_ACTIVITY = "core_local_activity"
"""The name of the markers with which Temporal's SDK records the results of local activities."""


@dataclass(frozen=True)
class HistoryLog:
    """The events from the second on, without gaps and without the terminal one, which is `ended` if it was recorded.

    The first event is in the records before the workflow starts.
    """

    events: list[ExecutionEvent]
    ended: TerminalEvent | None


async def read_history(history: WorkflowHistory) -> HistoryLog:
    """Read a log from the activities' inputs and results, and from a replay as far as the history allows one.

    A workflow that ended has recorded everything. Of one that did not, the part that was not archived is what it had in
    memory: a replay rebuilds that, up to the first event that does not match, and the batches that came in after it are
    added.
    """
    archived, outcome, ended = _recorded(history.events)
    if ended is not None:
        tail = await _tail(history, ended) if outcome is None else outcome.tail
        events = _dense([*archived, *tail], before=ended.sequence)
        return HistoryLog(events, ended.model_copy(update={"sequence": len(events) + 2}))
    log = await _replayed(history)
    return HistoryLog(_dense([*archived, *(log.tail if log is not None else [])]), None)


def _recorded(events: Iterable[HistoryEvent]) -> tuple[list[ExecutionEvent], Outcome | None, TerminalEvent | None]:
    """The events that were archived, and the outcome: as it was to be recorded, and as it was."""
    scheduled: dict[int, Archive | Outcome] = {}
    archived: list[ExecutionEvent] = []
    for event in events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            attributes = event.activity_task_scheduled_event_attributes
            if attributes.activity_type.name == "archive_events":
                scheduled[event.event_id] = _decoded(attributes.input, Archive)
            elif attributes.activity_type.name == "record_outcome":
                scheduled[event.event_id] = _decoded(attributes.input, Outcome)
        elif event.HasField("activity_task_completed_event_attributes"):
            done = event.activity_task_completed_event_attributes
            match scheduled.get(done.scheduled_event_id):
                case Archive() as archive:
                    archived += archive.events
                case Outcome() as outcome:
                    return archived, outcome, _decoded(done.result, Recorded).event
                case None:
                    pass
        elif (recorded := _recorded_locally(event)) is not None:
            return archived, None, recorded.event
    return archived, None, None


def _recorded_locally(event: HistoryEvent) -> Recorded | None:
    """The result of `record_outcome` as a local activity: its input is not in the history."""
    marker = event.marker_recorded_event_attributes
    if marker.marker_name != LOCAL_ACTIVITY or marker.HasField("failure"):
        return None
    about = json.loads(marker.details["data"].payloads[0].data)
    return _decoded(marker.details["result"], Recorded) if about["activity_type"] == "record_outcome" else None


async def _tail(history: WorkflowHistory, ended: TerminalEvent) -> list[ExecutionEvent]:
    """The part of the log that was recorded with `ended`, rebuilt by a replay."""
    log = await _replayed(history)
    return [] if log is None else [event for event in log.tail if event.sequence < ended.sequence]


def _dense(events: Iterable[ExecutionEvent], before: int | None = None) -> list[ExecutionEvent]:
    """The events in their order, from the second up to the first gap, or to `before`."""
    by_sequence: dict[int, ExecutionEvent] = {}
    for event in events:
        by_sequence.setdefault(event.sequence, event)
    return list(_without_gap(by_sequence, before))


def _without_gap(events: dict[int, ExecutionEvent], before: int | None) -> Iterator[ExecutionEvent]:
    sequence = 2
    while sequence in events and sequence != before:
        yield events[sequence]
        sequence += 1


async def _replayed(history: WorkflowHistory) -> EventLog | None:
    """The log that the workflow had in memory; None when it never ran."""
    memory = _Memory()
    with ThreadPoolExecutor(1) as executor:
        replayer = Replayer(
            workflows=[AgentExecution],
            workflow_runner=_CopyingRunner(memory),
            interceptors=[memory],
            workflow_task_executor=executor,
            data_converter=pydantic_data_converter,
        )
        # A failed replay still has the log up to its failure.
        await replayer.replay_workflow(history, raise_on_replay_failure=False)
    if memory.log is None:
        return None
    for batch in list(_batches(history.events))[memory.log.received :]:
        memory.log.accept(batch)
    return memory.log


def _batches(events: Iterable[HistoryEvent]) -> Iterator[EventBatch]:
    for event in events:
        if event.HasField("workflow_execution_signaled_event_attributes"):
            signal = event.workflow_execution_signaled_event_attributes
            if signal.signal_name == REPORT:
                yield _decoded(signal.input, EventBatch)


@dataclass
class _Memory(Interceptor):
    """Keeps a replayed workflow's log, copied before the workflow is evicted: the eviction may change it."""

    log: EventLog | None = None
    _in_use: EventLog | None = None

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002, ARG002 -- the base class's signature
        """Look at the workflow's log when it starts."""
        memory = self

        class Inbound(WorkflowInboundInterceptor):
            async def execute_workflow(self, input: ExecuteWorkflowInput) -> None:  # noqa: A002 -- the base class's signature
                running = workflow.instance()
                memory._in_use = running.log if isinstance(running, AgentExecution) else None
                await super().execute_workflow(input)

        return Inbound

    def copy_log(self) -> None:
        """Copy the log as it is now."""
        self.log = copy.deepcopy(self._in_use)


@dataclass
class _CopyingRunner(UnsandboxedWorkflowRunner):
    memory: _Memory

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance whose log is copied before it is evicted."""
        instance = super().create_instance(det)
        activate = instance.activate

        def activate_or_copy(act: WorkflowActivation) -> WorkflowActivationCompletion:
            if any(job.HasField("remove_from_cache") for job in act.jobs):
                self.memory.copy_log()
            return activate(act)

        instance.activate = activate_or_copy
        return instance


def _decoded(payloads: Payloads, shape: type[T]) -> T:
    return pydantic_data_converter.payload_converter.from_payloads(payloads.payloads, [shape])[0]
