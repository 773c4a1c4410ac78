"""The workflow, on a real Temporal server: how an execution succeeds, fails and is retried."""

import asyncio
import time
from uuid import UUID

import pytest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest

from api.live.relay import Relay
from dynavera.contracts.documents import RetrievedPassage
from dynavera.contracts.events import (
    ExecutionCompleted,
    ExecutionError,
    ExecutionStarted,
    Message,
    Progress,
    Step,
)
from tests.workflows.fakes import Gate, refused, unavailable
from tests.workflows.world import QUEUE, TIMEOUT_SECONDS, World, answer_of, failed_attempts

MAX_SILENCE_SECONDS = 6
"""How long an execution may pause after a crash."""


async def test_an_execution_logs_each_stage_and_ends_with_the_cited_answer(here: World) -> None:
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


async def test_an_execution_without_passages_logs_that_and_completes(here: World) -> None:
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
        await here.wait_for_text(execution_id, "Loading the model.")
        gate.opened.set()
        events = await here.events(execution_id)

    lines = [event.content for event in events if isinstance(event, Progress)]
    assert [line.stage for line in lines if line.message == "Loading the model."] == ["initializing"]


async def test_the_reason_for_an_empty_answer_is_logged(here: World) -> None:
    here.mcp.words = list[str]()
    here.mcp.status_lines = ["The model ended its answer without any text."]

    async with here.worker():
        events = await here.events(await here.start())

    messages = [event.content.message for event in events if isinstance(event, Progress)]
    assert messages[-2:] == ["The model ended its answer without any text.", "Saving the answer."]
    assert isinstance(events[-1], ExecutionCompleted)


@pytest.mark.parametrize(("words", "cites_none"), [(["Light ", "tells."], True), (["Light ", "tells [1]."], False)])
async def test_an_answer_that_cites_none_of_its_passages_is_marked_and_logged(
    here: World, words: list[str], *, cites_none: bool
) -> None:
    here.mcp.words = words

    async with here.worker():
        events = await here.events(await here.start())

    messages = [event.content.message for event in events if isinstance(event, Progress)]
    assert ("The answer cites none of its passages." in messages) == cites_none
    assert isinstance(events[-1], ExecutionCompleted)
    assert events[-1].output_data.cites_no_source == cites_none
    assert answer_of(events) == "".join(words)


async def test_a_failed_attempt_is_logged_and_retried(here: World) -> None:
    # The local activity that is tried first counts as no attempt.
    here.mcp.retrieval_failures = [unavailable() for _ in range(3)]

    async with here.worker():
        events = await here.events(await here.start())

    failures = [event.content for event in failed_attempts(events)]
    assert [(failure.stage, failure.attempt, failure.retry_in_seconds) for failure in failures] == [
        ("retrieving", 1, 0.5),
        ("retrieving", 2, 1.0),
    ]
    assert [failure.error for failure in failures] == ["The MCP service does not answer."] * 2
    assert isinstance(events[-1], ExecutionCompleted)


async def test_the_next_attempt_continues_the_published_text(here: World) -> None:
    here.mcp.words = ["One, ", "two, ", "three."]
    here.mcp.failures = [unavailable()]
    here.mcp.fail_after = 2

    async with here.worker():
        events = await here.events(await here.start())

    assert [call.prefix for call in here.mcp.calls] == ["", "One, two, "]
    assert len({call.operation_id for call in here.mcp.calls}) == 1
    assert answer_of(events) == "One, two, three."
    assert len(failed_attempts(events)) == 1


async def test_a_permanent_refusal_fails_the_execution_at_once(here: World) -> None:
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


async def test_a_failure_during_the_answer_keeps_the_partial_answer(here: World) -> None:
    here.mcp.failures = [refused("answer_too_large")]
    here.mcp.fail_after = 1

    async with here.worker():
        execution_id = await here.start()
        events = await here.events(execution_id)

    ending = events[-1]
    assert isinstance(ending, ExecutionError)
    assert ending.output_data is not None
    assert ending.output_data.answer == "Light " == answer_of(events)


async def test_the_generators_retry_after_is_respected(here: World) -> None:
    here.mcp.failures = [refused("busy", retryable=True, after=0.7)]

    async with here.worker():
        events = await here.events(await here.start())

    assert [event.content.retry_in_seconds for event in failed_attempts(events)] == [0.7]
    assert isinstance(events[-1], ExecutionCompleted)


async def test_an_unexpected_error_is_tried_five_times(here: World) -> None:
    here.mcp.retrieval_failures = [ValueError("a bug")] * 6

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
    log = [entry.event for entry in await here.log.read(execution_id, 0)]

    async with here.worker():
        events = await here.events(execution_id)

    assert queued.status == "queued"
    assert [event.type for event in log] == ["execution_started"]
    assert isinstance(events[-1], ExecutionCompleted)


async def test_twenty_concurrent_executions_have_separate_logs(here: World) -> None:
    here.mcp.words = [f"{number} " for number in range(30)]

    async with here.worker():
        started = [await here.start() for _ in range(20)]
        logs = await asyncio.gather(*(here.events(execution_id) for execution_id in started))

    assert {event.execution_id for log in logs for event in log} == set(started)
    assert {answer_of(log) for log in logs} == {"".join(here.mcp.words)}


async def test_a_reader_that_resumes_after_the_end_gets_nothing_and_is_finished(here: World) -> None:
    async with here.worker():
        events = await here.events(execution_id := await here.start())

        async with asyncio.timeout(TIMEOUT_SECONDS):
            more = [entry.event async for entry in Relay(here.log).follow(execution_id, events[-1].sequence)]

    assert more == []


async def test_a_generation_that_another_client_stopped_is_not_a_complete_answer(here: World) -> None:
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
        await here.wait_for_text(execution_id, "Light ")
        snapshot = await here.temporal.snapshot(execution_id)
        gate.opened.set()
        await here.events(execution_id)

    assert snapshot.stage == "generating"


async def test_a_worker_that_shuts_down_hands_over_its_generation(here: World) -> None:
    here.mcp.words = ["One, ", "two."]
    here.mcp.gate = gate = Gate()

    async with here.worker():
        execution_id = await here.start()
        await here.wait_for_text(execution_id, "One, ")
    gate.opened.set()
    async with here.worker():
        events = await here.events(execution_id)

    assert [event.content.error for event in failed_attempts(events)] == ["The worker was shut down."]
    assert [call.prefix for call in here.mcp.calls] == ["", "One, "]
    assert answer_of(events) == "One, two."
    assert not await here.history_holds(execution_id, "WORKFLOW_TASK_TIMED_OUT")


async def test_a_worker_that_dies_with_a_workflow_task_delays_its_execution_only_briefly(here: World) -> None:
    await here.start()
    service, namespace = here.environment.client.workflow_service, here.environment.client.namespace
    # A worker that takes the task and vanishes.
    taken = await service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(namespace=namespace, task_queue=TaskQueue(name=QUEUE), identity="dies")
    )
    taken_at = time.monotonic()

    async with here.worker():
        events = await here.events(UUID(taken.workflow_execution.workflow_id))

    assert isinstance(events[-1], ExecutionCompleted)
    assert time.monotonic() - taken_at < MAX_SILENCE_SECONDS
