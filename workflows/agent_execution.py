"""The workflow: one execution of an agent, and the one sequencer of its log."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.batches import REPORT, EventBatch
    from activities.generation import Generation, GenerationActivities, StopOrder, Whole, Written
    from activities.knowledge import Found, KnowledgeActivities, Retrieval
    from dynavera.contracts.agents import AgentSettings
    from dynavera.contracts.contract import Contract, JsonObject
    from dynavera.contracts.documents import RetrievedPassage
    from dynavera.contracts.events import (
        AgentContent,
        DeltaContent,
        ExecutionError,
        ExecutionStopped,
        MessageContent,
        ProgressContent,
        StepContent,
        TerminalEvent,
    )
    from dynavera.contracts.executions import Stage
    from dynavera.contracts.mcp import Retrieved
    from dynavera.limits import (
        HEARTBEAT_TIMEOUT,
        RETRIEVE_TIMEOUT,
        STOP_ACKNOWLEDGEMENT,
    )
    from workflows import legacy, rules
    from workflows.attempts import Failure, HistoryEstimate, failure_of, too_late
    from workflows.endings import completed, failed, stopped
    from workflows.event_log import EventLog, LogPage, Snapshot
    from workflows.recording import ONCE, Recorder

T = TypeVar("T")


class ExecutionOrder(Contract):
    """What to execute, for how long at most, and under which version of the workflow's rules."""

    execution_id: UUID
    agent_id: UUID
    user_id: UUID
    settings: AgentSettings
    input_data: JsonObject
    time_limit: timedelta
    rules: int = rules.FIRST


class ExecutionFailed(Exception):
    """The execution cannot go on."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@workflow.defn
class AgentExecution:
    """Ask the knowledge base, then the generator; say what happens on the way."""

    @workflow.init
    def __init__(self, order: ExecutionOrder) -> None:
        rules.check_known(order.rules)
        self._order = order
        started_at = workflow.info().workflow_start_time
        self.log = EventLog(order.execution_id, order.agent_id, started_at)
        self._records = Recorder(self.log, order.rules)
        self._history = HistoryEstimate()
        self._deadline: datetime = started_at + order.time_limit
        self._acknowledged_at: datetime | None = None
        self._generator_works = False

    @workflow.run
    async def run(self, order: ExecutionOrder) -> None:  # noqa: ARG002 -- the order came with __init__
        """Execute, record the one outcome, and close as it says."""
        archiving = asyncio.create_task(self._records.archive_along())
        event = await self._outcome()
        archiving.cancel()
        stored = await self._records.finish(event)
        self.log.close(stored)
        await _close(stored)

    @workflow.signal(name=REPORT)
    def report(self, batch: EventBatch) -> None:
        """Take a batch of what an attempt to generate says."""
        self.log.accept(batch)

    @workflow.query
    def events(self, after: int) -> LogPage:
        """The log after `after`, as far as it is not archived."""
        return self.log.page(after)

    @workflow.query
    def snapshot(self) -> Snapshot:
        """The stage, and the answer so far."""
        return self.log.snapshot()

    async def _outcome(self) -> TerminalEvent:
        try:
            ended = await self._records.begin()
            return ended if ended is not None else await self._answered()
        except ExecutionFailed as error:
            return failed(self.log, error.failure)
        except (asyncio.CancelledError, FailureError) as error:
            if not is_cancelled_exception(error):
                raise
            return await self._stopped()

    async def _answered(self) -> TerminalEvent:
        self._say(ProgressContent(stage="initializing", message="A worker has begun."))
        passages = await self._retrieved()
        whole = await self._written(passages)
        self._say(MessageContent(text=self.log.answer))
        self._say(ProgressContent(stage="saving", message="Saving the answer."))
        return completed(self.log, whole)

    async def _retrieved(self) -> list[RetrievedPassage]:
        collection = self._order.settings.collection
        self._say(ProgressContent(stage="retrieving", message=f"Looking for passages in {collection!r}."))
        retrieved = await self._attempts("retrieving", self._retrieve)
        self.log.advance_clock(retrieved.at)
        self._say(StepContent(step="retrieve", message=_found(retrieved), passages=retrieved.sources()))
        return retrieved.passages

    async def _written(self, passages: list[RetrievedPassage]) -> Whole:
        self._say(ProgressContent(stage="generating", message="Writing the answer."))
        self._generator_works = True
        written = await self._attempts("generating", lambda attempt: self._generate(attempt, passages))
        self.log.expect_none()
        self.log.advance_clock(written.at)
        if written.answer != self.log.answer:
            self._say(_missing(self.log.answer, written.answer))
        self._generator_works = written.whole is None
        self._acknowledged_at = written.acknowledged_at
        if written.whole is None or _asked_to_stop():
            raise asyncio.CancelledError
        return written.whole

    async def _attempts(self, stage: Stage, begin: Callable[[int], workflow.ActivityHandle[T]]) -> T:
        """Try until it works, cannot work, or time is up; every failure is logged."""
        attempt = without_progress = 1
        while True:
            if _asked_to_stop():
                raise asyncio.CancelledError
            self._history.attempts += 1
            published = self.log.answer
            try:
                return await _heard(begin(attempt))
            except ActivityError as error:
                if is_cancelled_exception(error) or _asked_to_stop():
                    raise asyncio.CancelledError from error
                failure = failure_of(error)
                self.log.advance_clock(await self._time_of(failure))
                # After an attempt that has produced text the next one starts soon.
                without_progress = without_progress if self.log.answer == published else 1
                await self._pause(stage, attempt, without_progress, failure)
            attempt += 1
            without_progress += 1

    async def _time_of(self, failure: Failure) -> datetime:
        if self._order.rules < rules.EXACT_REPLAY:
            return legacy.workflow_clock()
        return failure.at or await self._records.current_time()

    async def _pause(self, stage: Stage, attempt: int, without_progress: int, failure: Failure) -> None:
        pause = failure.pause_after(without_progress)
        if pause is None:
            raise ExecutionFailed(failure)
        pause *= self._history.slowdown(self.log.received)
        if self.log.now + pause >= self._deadline:
            raise ExecutionFailed(too_late(self._order.time_limit, failure))
        seconds = pause.total_seconds()
        self._say(
            ProgressContent(
                stage=stage,
                message=f"Attempt {attempt} failed: {failure.message} Trying again in {seconds:g} s.",
                attempt=attempt,
                error=failure.message,
                retry_in_seconds=seconds,
            )
        )
        await workflow.sleep(pause, summary=f"before attempt {attempt + 1}")

    def _retrieve(self, attempt: int) -> workflow.ActivityHandle[Found]:
        settings = self._order.settings
        return workflow.start_activity_method(
            KnowledgeActivities.retrieve,
            Retrieval(
                user_id=self._order.user_id,
                query=self._order.input_data["query"],
                collection=settings.collection,
                top_k=settings.top_k,
            ),
            start_to_close_timeout=RETRIEVE_TIMEOUT,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=ONCE,
            summary=f"attempt {attempt}",
        )

    def _generate(self, attempt: int, passages: list[RetrievedPassage]) -> workflow.ActivityHandle[Written]:
        settings = self._order.settings
        self.log.expect(attempt)
        generation = Generation(
            user_id=self._order.user_id,
            operation_id=str(self._order.execution_id),
            attempt=attempt,
            query=self._order.input_data["query"],
            passages=passages,
            instructions=settings.instructions,
            max_tokens=settings.max_tokens,
            temperature=settings.temperature,
            generator=settings.generator,
            prefix=self.log.answer,
        )
        self._history.size += len(generation.model_dump_json())
        return workflow.start_activity_method(
            GenerationActivities.generate,
            generation,
            task_queue=generations_queue(workflow.info().task_queue),
            start_to_close_timeout=max(self._deadline - self.log.now, timedelta(seconds=1)),
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            # The activity answers a stop with what it has, and with the generator's acknowledgement.
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            retry_policy=ONCE,
            summary=f"attempt {attempt}",
        )

    async def _stopped(self) -> TerminalEvent:
        self.log.expect_none()
        if self._generator_works and self._acknowledged_at is None:
            self._acknowledged_at = await self._let_go()
        return stopped(self.log, self._acknowledged_at)

    async def _let_go(self) -> datetime | None:
        """Have a generation stopped whose own activity could not: its worker died, or it waits to be tried again."""
        order = StopOrder(user_id=self._order.user_id, operation_id=str(self._order.execution_id))
        try:
            acknowledgement = await workflow.execute_activity_method(
                GenerationActivities.stop_generation,
                order,
                schedule_to_close_timeout=2 * STOP_ACKNOWLEDGEMENT,
                retry_policy=ONCE,
            )
        except ActivityError as error:
            workflow.logger.warning("The generator was not told to stop: %s", error)
            return None
        return acknowledgement.at

    def _say(self, content: AgentContent) -> None:
        self.log.append(content)


def generations_queue(task_queue: str) -> str:
    """The task queue of the generations, beside that of everything short."""
    return f"{task_queue}-generations"


async def _heard(activity: workflow.ActivityHandle[T]) -> T:
    """What the activity says; a stop cancels it, and is not heard over by one that ends in the same moment."""
    try:
        await workflow.wait([activity])
    except asyncio.CancelledError:
        # Cancelled now, one that has failed would leave a failure that nobody looks at, and an error in the worker's
        # log: a step of the loop tells whether it has ended.
        await asyncio.sleep(0)
        if activity.done():
            activity.exception()
            raise
        activity.cancel()
    return await activity


def _asked_to_stop() -> bool:
    """Whether a stop has come, also one that an activity that ended in the same moment has swallowed."""
    return workflow.cancellation_reason() is not None


def _found(retrieved: Retrieved) -> str:
    count = len(retrieved.passages)
    if count == 0:
        return "Found no passages: there is nothing to answer from."
    documents = len({passage.document_id for passage in retrieved.passages})
    return f"Found {count} passage{'s'[: count > 1]} in {documents} document{'s'[: documents > 1]}."


def _missing(published: str, whole: str) -> DeltaContent:
    """What brings the published answer to the whole one."""
    offset = len(published) if whole.startswith(published) else 0
    return DeltaContent(offset=offset, text=whole[offset:])


async def _close(event: TerminalEvent) -> None:
    """Leave Temporal with the same word: failed is Failed, stopped is Canceled, completed is Completed."""
    match event:
        case ExecutionError():
            raise ApplicationError(event.message, type=event.code, non_retryable=True)
        case ExecutionStopped():
            # Stopped in the queue, by the records alone: the sweep brings the cancellation.
            await workflow.wait_condition(_asked_to_stop)
            raise asyncio.CancelledError
        case _:
            return
