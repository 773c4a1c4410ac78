"""Replays are exact: an execution continues with the same log, whichever worker replays it, even during queries."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import RPCError, WorkflowHistory, WorkflowQueryFailedError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import Worker

from activities.generation import CompleteAnswer, GenerationRequest, GenerationResult
from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import ExecutionCompleted, ProgressContent
from dynavera.contracts.executions import Usage
from dynavera.identifiers import new_id
from dynavera.limits import HEARTBEAT_TIMEOUT
from tests.workflows.fakes import Gate
from tests.workflows.test_replay import recorded, replay_failure
from tests.workflows.world import QUEUE, World, answer_of, failed_attempts
from workflows import legacy
from workflows.agent_execution import AgentExecution, generations_queue
from workflows.event_log import EventLog


@dataclass
class Attempts:
    """Generations that the test ends: the first fails, the second returns the answer."""

    gates: list[Gate] = field(default_factory=lambda: [Gate(), Gate()])

    @activity.defn(name="generate")
    async def generate(self, generation: GenerationRequest) -> GenerationResult:
        await self.gates[generation.attempt - 1].wait()
        if generation.attempt == 1:
            raise ApplicationError("The connection was lost.", utc_now(), category=ApplicationErrorCategory.BENIGN)
        whole = CompleteAnswer(generator="fake", usage=Usage(prompt_tokens=1, completion_tokens=1))
        return GenerationResult(answer=generation.prefix + "end.", at=utc_now(), whole=whole)


@asynccontextmanager
async def generating(here: World) -> AsyncGenerator[Attempts]:
    attempts = Attempts()
    async with Worker(here.environment.client, task_queue=generations_queue(QUEUE), activities=[attempts.generate]):
        yield attempts


async def test_a_query_before_the_workflow_task_changes_nothing(here: World) -> None:
    async with generating(here) as attempts:
        async with here.executing_in_process() as worker:
            execution_id = await here.start()
            await attempts.gates[0].reached.wait()
            await here.send_letter(execution_id, 0, "a", 0)
            viewer = asyncio.create_task(here.events(execution_id))
            await here.wait_for_text(execution_id, '"a"')
            worker.kill()
        workflow = here.environment.client.get_workflow_handle_for(AgentExecution.run, str(execution_id))
        # It waits for the dead worker and then for any other one, ahead of the next workflow task.
        query = asyncio.create_task(workflow.query(AgentExecution.snapshot))
        await asyncio.sleep(1)
        attempts.gates[0].opened.set()
        await here.history_has(execution_id, "ACTIVITY_TASK_FAILED")

        async with here.executing():
            with suppress(WorkflowQueryFailedError, RPCError):
                await query
            await here.send_letter(execution_id, 1, "b", 0)
            await attempts.gates[1].reached.wait()
            await here.wait_until_idle(execution_id)
        async with here.executing():
            attempts.gates[1].opened.set()
            events = await viewer

    assert isinstance(events[-1], ExecutionCompleted)
    assert len(failed_attempts(events)) == 1
    assert answer_of(events) == "abend."


async def test_the_failure_of_a_lost_worker_is_dated_after_its_last_heartbeat(here: World) -> None:
    async with here.executing():
        execution_id = await here.start()
        last_heartbeat = await here.take_generation_and_vanish()
        await here.wait_for_text(execution_id, "stopped answering")
    async with here.worker():
        events = await here.events(execution_id)

    assert [event.timestamp for event in failed_attempts(events)] == [last_heartbeat + HEARTBEAT_TIMEOUT]


@pytest.mark.parametrize(
    "kind",
    [f"{rules}/{kind}" for rules in ("rules_3", "rules_4") for kind in ("completed", "failed", "several_attempts")],
)
async def test_a_stop_in_the_moment_of_the_end_changes_no_command(kind: str) -> None:
    """The worker handled the end of the generation, then the stop; a replay gets both at once."""
    assert await replay_failure(with_stop_at_the_end(recorded(kind))) is None


def with_stop_at_the_end(history: WorkflowHistory) -> WorkflowHistory:
    """The history with a requested stop before the workflow task that ends the execution."""
    events: list[dict[str, Any]] = json.loads(history.to_json())["events"]
    outcome = next(number for number, event in enumerate(events) if _runs(event) == "record_outcome")
    # Before it are the workflow task's three events.
    at = outcome - 3
    request = {"eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED", "eventTime": events[at]["eventTime"]}
    events.insert(at, request | {"eventId": str(at), "workflowExecutionCancelRequestedEventAttributes": {}})
    for event in events[at:]:
        event["eventId"] = str(int(event["eventId"]) + 1)
        for name, attributes in event.items():
            if name.endswith("Attributes"):
                _shift(attributes, at)
    return WorkflowHistory.from_json(history.workflow_id, {"events": events})


def _runs(event: dict[str, Any]) -> str | None:
    """The activity that is scheduled, or the local one that has run."""
    if (marker := event.get("markerRecordedEventAttributes")) is not None:
        return json.loads(base64.b64decode(marker["details"]["data"]["payloads"][0]["data"]))["activity_type"]
    return event.get("activityTaskScheduledEventAttributes", {}).get("activityType", {}).get("name")


def _shift(attributes: dict[str, Any], after: int) -> None:
    """Add 1 to the ids of events after `after`."""
    for name in ("scheduledEventId", "startedEventId", "workflowTaskCompletedEventId"):
        if int(attributes.get(name, 0)) > after:
            attributes[name] = str(int(attributes[name]) + 1)


def test_exactly_the_events_that_the_activity_stored_are_dropped() -> None:
    """A replay may compute a longer part than the one that was stored."""
    log = EventLog(new_id(), new_id(), started_at=utc_now())
    for number in range(16):
        log.append(ProgressContent(stage="generating", message=str(number)))

    log.drop(legacy.archived_through(12, log.oldest()))

    assert [event.sequence for event in log.tail] == [13, 14, 15, 16, 17]
