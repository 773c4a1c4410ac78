"""The workflow, on a real Temporal server: how an execution succeeds, fails and is tried again."""

import asyncio
import time
from uuid import UUID

from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest

from api.relay import Relay
from dynavera.contracts.documents import RetrievedPassage
from dynavera.contracts.events import (
    ExecutionCompleted,
    ExecutionError,
    ExecutionStarted,
    Message,
    Progress,
    Step,
)
from tests.workflows.fakes import Gate, away, refused
from tests.workflows.world import PATIENCE_SECONDS, QUEUE, World, answer_of, failed_attempts

WITHIN_SECONDS = 6
"""The time within which an execution goes on after a crash."""


async def test_an_execution_says_each_stage_and_ends_with_the_cited_answer(here: World) -> None:
    async with here.worker():
        execution_id = await here.start()
        events = await here.events(execution_id)

        assert await here.closed_as(execution_id) == "COMPLETED"
    assert isinstance(events[0], ExecutionStarted)
    stages = [event.content.stage for event in events if isinstance(event, Progress)]
    assert stages == ["initializing", "retrieving", "generating", "saving"]
    ending = events[-1]
    assert isinstance(ending, ExecutionCompleted)
    assert ending.output_data.answer == "Light tells [1]." == answer_of(events)
    assert [message.content.text for message in events if isinstance(message, Message)] == [ending.output_data.answer]
    assert [source.n for source in ending.output_data.sources] == [1]
    execution = await here.records.get(here.user.id, execution_id)
    assert execution.status == "completed"
    assert execution.output_data == ending.output_data


async def test_without_passages_the_step_says_so_and_the_execution_completes(here: World) -> None:
    here.mcp.passages = list[RetrievedPassage]()

    async with here.worker():
        events = await here.events(await here.start())

    steps = [event.content for event in events if isinstance(event, Step)]
    assert [step.message for step in steps] == ["Found no passages: there is nothing to answer from."]
    assert isinstance(events[-1], ExecutionCompleted)


async def test_a_status_line_of_the_generator_is_progress(here: World) -> None:
    here.mcp.status_lines = ["Loading the model."]
    here.mcp.gate = gate = Gate()

    async with here.worker():
        execution_id = await here.start()
        await here.said(execution_id, "Loading the model.")
        gate.opened.set()
        events = await here.events(execution_id)

    lines = [event.content for event in events if isinstance(event, Progress)]
    assert [line.stage for line in lines if line.message == "Loading the model."] == ["initializing"]


async def test_why_an_answer_is_empty_is_said_before_the_end(here: World) -> None:
    here.mcp.words = list[str]()
    here.mcp.status_lines = ["The model ended its answer without a word."]

    async with here.worker():
        events = await here.events(await here.start())

    said = [event.content.message for event in events if isinstance(event, Progress)]
    assert said[-2:] == ["The model ended its answer without a word.", "Saving the answer."]
    assert isinstance(events[-1], ExecutionCompleted)


async def test_a_failed_attempt_is_said_and_tried_again(here: World) -> None:
    here.mcp.retrieval_failures = [away(), away()]

    async with here.worker():
        events = await here.events(await here.start())

    failures = [event.content for event in failed_attempts(events)]
    assert [(one.stage, one.attempt, one.retry_in_seconds) for one in failures] == [
        ("retrieving", 1, 0.5),
        ("retrieving", 2, 1.0),
    ]
    assert [one.error for one in failures] == ["The MCP service does not answer."] * 2
    assert isinstance(events[-1], ExecutionCompleted)


async def test_the_next_attempt_goes_on_where_the_published_answer_ends(here: World) -> None:
    here.mcp.words = ["One, ", "two, ", "three."]
    here.mcp.failures = [away()]
    here.mcp.fail_after = 2

    async with here.worker():
        events = await here.events(await here.start())

    assert [call.prefix for call in here.mcp.calls] == ["", "One, two, "]
    assert len({call.operation_id for call in here.mcp.calls}) == 1
    assert answer_of(events) == "One, two, three."
    assert len(failed_attempts(events)) == 1


async def test_a_refusal_that_cannot_be_helped_fails_the_execution_at_once(here: World) -> None:
    here.mcp.failures = [refused("unknown_generator")]

    async with here.worker():
        execution_id = await here.start()
        events = await here.events(execution_id)

        assert await here.closed_as(execution_id) == "FAILED"
    ending = events[-1]
    assert isinstance(ending, ExecutionError)
    assert (ending.code, ending.message, ending.output_data) == (
        "unknown_generator",
        "Refused: unknown_generator.",
        None,
    )
    assert failed_attempts(events) == []
    assert (await here.records.get(here.user.id, execution_id)).error_message == "Refused: unknown_generator."


async def test_a_failure_in_mid_answer_keeps_what_was_written(here: World) -> None:
    here.mcp.failures = [refused("answer_too_large")]
    here.mcp.fail_after = 1

    async with here.worker():
        execution_id = await here.start()
        events = await here.events(execution_id)

    ending = events[-1]
    assert isinstance(ending, ExecutionError)
    assert ending.output_data is not None
    assert ending.output_data.answer == "Light " == answer_of(events)


async def test_a_generator_that_says_when_to_come_back_is_asked_then(here: World) -> None:
    here.mcp.failures = [refused("busy", retryable=True, after=0.7)]

    async with here.worker():
        events = await here.events(await here.start())

    assert [event.content.retry_in_seconds for event in failed_attempts(events)] == [0.7]
    assert isinstance(events[-1], ExecutionCompleted)


async def test_an_error_that_nobody_foresaw_is_tried_five_times(here: World) -> None:
    here.mcp.retrieval_failures = [ValueError("a bug")] * 5

    async with here.worker():
        events = await here.events(await here.start())

    ending = events[-1]
    assert isinstance(ending, ExecutionError)
    assert ending.code == "internal_error"
    assert "a bug" in ending.message
    assert len(failed_attempts(events)) == 4


async def test_a_queued_execution_waits_for_a_worker(here: World) -> None:
    execution_id = await here.start()
    queued = await here.records.get(here.user.id, execution_id)
    log = await here.log.read(execution_id, 0)

    async with here.worker():
        events = await here.events(execution_id)

    assert queued.status == "queued"
    assert [event.type for event in log] == ["execution_started"]
    assert isinstance(events[-1], ExecutionCompleted)


async def test_twenty_executions_at_once_each_have_a_log_of_their_own(here: World) -> None:
    here.mcp.words = [f"{number} " for number in range(30)]

    async with here.worker():
        started = [await here.start() for _ in range(20)]
        logs = await asyncio.gather(*(here.events(execution_id) for execution_id in started))

    assert {event.execution_id for log in logs for event in log} == set(started)
    assert {answer_of(log) for log in logs} == {"".join(here.mcp.words)}


async def test_a_reader_that_comes_back_after_the_end_is_told_nothing_and_let_go(here: World) -> None:
    async with here.worker():
        events = await here.events(execution_id := await here.start())

        async with asyncio.timeout(PATIENCE_SECONDS):
            more = [entry.event async for entry in Relay(here.log).follow(execution_id, events[-1].sequence)]

    assert more == []


async def test_a_generation_that_somebody_else_stopped_is_no_whole_answer(here: World) -> None:
    here.mcp.words = ["One, ", "two."]
    here.mcp.stopped_early = 1

    async with here.worker():
        events = await here.events(await here.start())

    assert [event.content.error for event in failed_attempts(events)] == [
        "The generator was stopped before the answer was complete."
    ]
    assert [call.prefix for call in here.mcp.calls] == ["", "One, "]
    assert answer_of(events) == "One, two."


async def test_the_stage_is_generating_as_soon_as_there_is_text(here: World) -> None:
    here.mcp.status_lines = ["Loading the model."]
    here.mcp.gate = gate = Gate()

    async with here.worker():
        execution_id = await here.start()
        await here.said(execution_id, "Light ")
        snapshot = await here.temporal.snapshot(execution_id)
        gate.opened.set()
        await here.events(execution_id)

    assert snapshot.stage == "generating"


async def test_a_worker_that_shuts_down_hands_its_generation_over(here: World) -> None:
    here.mcp.words = ["One, ", "two."]
    here.mcp.gate = gate = Gate()

    async with here.worker():
        execution_id = await here.start()
        await here.said(execution_id, "One, ")
    gate.opened.set()
    async with here.worker():
        events = await here.events(execution_id)

    assert [event.content.error for event in failed_attempts(events)] == ["The worker was shut down."]
    assert [call.prefix for call in here.mcp.calls] == ["", "One, "]
    assert answer_of(events) == "One, two."
    assert not await here.history_holds(execution_id, "WORKFLOW_TASK_TIMED_OUT")


async def test_a_worker_that_dies_with_a_workflow_task_in_its_hands_holds_nobody_up_for_long(here: World) -> None:
    await here.start()
    service, namespace = here.environment.client.workflow_service, here.environment.client.namespace
    # A worker that takes the task, and is never heard of again.
    taken = await service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(namespace=namespace, task_queue=TaskQueue(name=QUEUE), identity="dies")
    )
    taken_at = time.monotonic()

    async with here.worker():
        events = await here.events(UUID(taken.workflow_execution.workflow_id))

    assert isinstance(events[-1], ExecutionCompleted)
    assert time.monotonic() - taken_at < WITHIN_SECONDS
