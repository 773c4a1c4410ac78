"""Publishes what executions append to their logs on the event bus, outside of the workflows' own code.

Only what Temporal has accepted is published, because another worker may handle the same events again in another order
if this one dies before its workflow task is completed. New entries are certain when

- they come from signals alone: these are handled first, and their order is in the history;
- an activity that was scheduled with them has started, or the next workflow task has;
- they are in the records: those before the terminal event are stored with it.

A replay may publish entries again, which does no harm: readers take only what continues their sequence.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from temporalio import activity, workflow
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowInterceptorClassInput,
    WorkflowRunner,
)

from activities.records import Outcome, Recorded
from dynavera.bus.bus import EventBus
from dynavera.bus.messages import Appended
from dynavera.contracts.events import LogEntry, TerminalEvent
from workflows.event_log import EventLog
from workflows.replay_guard import Activate

QUERIES_AND_EVICTIONS = frozenset({"query_workflow", "remove_from_cache"})
SIGNALS = frozenset({"signal_workflow", *QUERIES_AND_EVICTIONS})


class _Uncertain(NamedTuple):
    """Entries whose workflow task may not be completed yet, and the activities that were scheduled with them."""

    message: Appended
    activities: frozenset[str]


@dataclass
class _Run:
    """A workflow's last activation: its position in the history, and what is uncertain since then."""

    history_length: int = 0
    uncertain: deque[_Uncertain] = field(default_factory=deque[_Uncertain])


@dataclass
class LogPublisher(Interceptor):
    """Publishes the logs of the workflows that run in this process; `loop` is the one that `bus` belongs to."""

    bus: EventBus
    loop: asyncio.AbstractEventLoop
    _logs: dict[str, EventLog] = field(default_factory=dict[str, EventLog])
    _runs: dict[str, _Run] = field(default_factory=dict[str, _Run])

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002, ARG002 -- the base class's signature
        """Take the workflow's log when it starts."""
        logs = self._logs

        class Inbound(WorkflowInboundInterceptor):
            async def execute_workflow(self, input: ExecuteWorkflowInput) -> None:  # noqa: A002 -- the base class's signature
                logs[workflow.info().run_id] = workflow.instance().log
                await super().execute_workflow(input)

        return Inbound

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 -- the base class's signature
        """Publish what is certain when an activity starts, and the terminal event when it is recorded."""
        return _Activities(next, self)

    def activate(
        self, run_id: str, instance_activate: Activate, act: WorkflowActivation
    ) -> WorkflowActivationCompletion:
        """Activate a workflow, and publish what it appends. This is called in a thread."""
        kinds = {str(job.WhichOneof("variant")) for job in act.jobs}
        if "remove_from_cache" in kinds:
            self._logs.pop(run_id, None)
            self.loop.call_soon_threadsafe(self._runs.pop, run_id, None)
        if kinds <= QUERIES_AND_EVICTIONS:
            return instance_activate(act)
        log = self._logs.get(run_id)
        before = 1 if log is None else log.last
        completion = instance_activate(act)
        log = self._logs.get(run_id)
        if log is not None and not act.is_replaying:
            entries = [LogEntry.of(event) for event in log.tail if event.sequence > before]
            scheduled = frozenset(
                command.schedule_activity.activity_id
                for command in completion.successful.commands
                if command.HasField("schedule_activity")
            )
            appended = _Uncertain(Appended(log.execution_id, entries), scheduled)
            self.loop.call_soon_threadsafe(self._add, run_id, act.history_length, appended, kinds <= SIGNALS)
        return completion

    def activity_started(self, run_id: str, activity_id: str) -> None:
        """An activity has started: the workflow task that scheduled it is completed."""
        run = self._runs.get(run_id)
        if run is not None and any(activity_id in one.activities for one in run.uncertain):
            while activity_id not in self._publish_oldest(run).activities:
                continue

    def recorded(self, run_id: str, outcome: TerminalEvent, stored: TerminalEvent) -> None:
        """The records have ended the log. If they have this outcome, they have what the workflow appended before it.

        They have another one if a stop, or an earlier run of the same workflow task, was first.
        """
        run = self._runs.get(run_id)
        if run is not None and (outcome.type, outcome.sequence) == (stored.type, stored.sequence):
            while run.uncertain:
                self._publish_oldest(run)
        self.bus.publish(Appended(stored.execution_id, [LogEntry.of(stored)]))

    def _add(self, run_id: str, history_length: int, appended: _Uncertain, is_certain: bool) -> None:  # noqa: FBT001 -- called by position
        run = self._runs.setdefault(run_id, _Run())
        is_new_task = history_length > run.history_length
        run.history_length = history_length
        while is_new_task and run.uncertain:
            self._publish_oldest(run)
        run.uncertain.append(appended)
        if is_certain and len(run.uncertain) == 1:
            self._publish_oldest(run)

    def _publish_oldest(self, run: _Run) -> _Uncertain:
        oldest = run.uncertain.popleft()
        if oldest.message.entries:
            self.bus.publish(oldest.message)
        return oldest


class _Activities(ActivityInboundInterceptor):
    def __init__(self, next_one: ActivityInboundInterceptor, publisher: LogPublisher) -> None:
        super().__init__(next_one)
        self._publisher = publisher

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 -- the base class's signature
        info = activity.info()
        self._publisher.activity_started(info.workflow_run_id or "", info.activity_id)
        result = await super().execute_activity(input)
        if isinstance(result, Recorded):
            outcome: Outcome = input.args[0]
            self._publisher.recorded(info.workflow_run_id or "", outcome.event, result.event)
        return result


@dataclass
class PublishingRunner(WorkflowRunner):
    """Runs workflows by `runner`, and publishes their logs."""

    runner: WorkflowRunner
    publisher: LogPublisher

    def prepare_workflow(self, defn: workflow._Definition) -> None:  # pyright: ignore[reportPrivateUsage] -- the base class's signature
        """Delegate to the runner."""
        self.runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """The runner's instance, whose log is published."""
        instance = self.runner.create_instance(det)
        instance.activate = partial(self.publisher.activate, det.info.run_id, instance.activate)
        return instance

    def set_worker_level_failure_exception_types(self, types: Sequence[type[BaseException]]) -> None:
        """Delegate to the runner."""
        self.runner.set_worker_level_failure_exception_types(types)
