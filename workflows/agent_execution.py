"""The workflow: one execution of an agent, and the only writer of its log while it runs."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.batches import REPORT, EventBatch
    from activities.generation import (
        CompleteAnswer,
        GenerationActivities,
        GenerationRequest,
        GenerationResult,
        StopRequest,
    )
    from activities.knowledge import KnowledgeActivities, RetrievalRequest, RetrievalResult
    from dynavera.contracts.agents import AgentSettings
    from dynavera.contracts.contract import Contract, JsonObject
    from dynavera.contracts.documents import RetrievedPassage
    from dynavera.contracts.events import (
        DeltaContent,
        ExecutionError,
        ExecutionStopped,
        MessageContent,
        ProgressContent,
        StepContent,
        TerminalEvent,
    )
    from dynavera.contracts.mcp import Retrieved
    from dynavera.limits import HEARTBEAT_TIMEOUT, RETRIEVE_TIMEOUT, STOP_ACKNOWLEDGEMENT_TIMEOUT
    from workflows import legacy, rules
    from workflows.attempts import Attempts, ExecutionFailed, stop_requested
    from workflows.endings import completed, failed, stopped
    from workflows.event_log import EventLog, LogPage, Snapshot
    from workflows.local_first import LOCALLY, ONCE, result_or_none
    from workflows.recording import Recorder


class ExecutionRequest(Contract):
    """The input of an execution, its time limit, and the version of the workflow's rules."""

    execution_id: UUID
    agent_id: UUID
    user_id: UUID
    settings: AgentSettings
    input_data: JsonObject
    time_limit: timedelta
    rules: int = rules.FIRST


@workflow.defn
class AgentExecution:
    """Retrieve passages, generate an answer from them, and log each step."""

    @workflow.init
    def __init__(self, request: ExecutionRequest) -> None:
        rules.check_known(request.rules)
        self._request = request
        started_at = workflow.info().workflow_start_time
        self.log = EventLog(request.execution_id, request.agent_id, started_at)
        self._records = Recorder(self.log, request.rules)
        self._attempts = Attempts(self.log, self._records, started_at, request.time_limit)
        self._acknowledged_at: datetime | None = None
        self._generator_is_busy = False

    @workflow.run
    async def run(self, request: ExecutionRequest) -> None:  # noqa: ARG002 -- __init__ has it
        """Execute, record the outcome, and close accordingly."""
        archiving = asyncio.create_task(self._records.archive_along())
        event = await self._outcome()
        archiving.cancel()
        stored = await self._records.finish(event)
        self.log.close(stored)
        await _close(stored)

    @workflow.signal(name=REPORT)
    def report(self, batch: EventBatch) -> None:
        """Add a batch of a generation's progress."""
        self.log.accept(batch)

    @workflow.query
    def events(self, after: int) -> LogPage:
        """The events after `after` that are not archived."""
        return self.log.page(after)

    @workflow.query
    def snapshot(self) -> Snapshot:
        """The stage, and the answer so far."""
        return self.log.snapshot()

    async def _outcome(self) -> TerminalEvent:
        try:
            ended = await self._records.begin()
            return ended if ended is not None else await self._execute()
        except ExecutionFailed as error:
            return failed(self.log, error.failure)
        except (asyncio.CancelledError, FailureError) as error:
            if not is_cancelled_exception(error):
                raise
            return await self._stop()

    async def _execute(self) -> TerminalEvent:
        self.log.append(ProgressContent(stage="initializing", message=self._start_message()))
        passages = await self._retrieve()
        whole = await self._generate(passages)
        self.log.append(MessageContent(text=self.log.answer))
        self.log.append(ProgressContent(stage="saving", message="Saving the answer."))
        return completed(self.log, whole)

    async def _retrieve(self) -> list[RetrievedPassage]:
        collection = self._request.settings.collection
        self.log.append(ProgressContent(stage="retrieving", message=f"Looking for passages in {collection!r}."))
        retrieved = await self._retrieved_locally()
        if retrieved is None:
            retrieved = await self._attempts.run("retrieving", self._start_retrieval)
        self.log.advance_clock(retrieved.at)
        self.log.append(StepContent(step="retrieve", message=_summary(retrieved), passages=retrieved.sources()))
        return retrieved.passages

    async def _generate(self, passages: list[RetrievedPassage]) -> CompleteAnswer:
        self.log.append(ProgressContent(stage="generating", message="Writing the answer."))
        result = await self._attempts.run("generating", lambda attempt: self._start_generation(attempt, passages))
        self.log.reject_batches()
        self.log.advance_clock(result.at)
        if result.answer != self.log.answer:
            self.log.append(_rest(self.log.answer, result.answer))
        self._generator_is_busy = result.whole is None
        self._acknowledged_at = result.acknowledged_at
        if result.whole is None or stop_requested():
            raise asyncio.CancelledError
        return result.whole

    def _start_message(self) -> str:
        is_legacy = self._request.rules < rules.EXACT_REPLAY
        return legacy.START_MESSAGE if is_legacy else "A worker has started."

    async def _retrieved_locally(self) -> RetrievalResult | None:
        if self._request.rules < rules.LOCAL_FIRST or stop_requested():
            return None
        return await result_or_none(
            workflow.execute_local_activity_method(KnowledgeActivities.retrieve, self._retrieval_request(), **LOCALLY)
        )

    def _retrieval_request(self) -> RetrievalRequest:
        settings = self._request.settings
        return RetrievalRequest(
            user_id=self._request.user_id,
            query=self._request.input_data["query"],
            collection=settings.collection,
            top_k=settings.top_k,
        )

    def _start_retrieval(self, attempt: int) -> workflow.ActivityHandle[RetrievalResult]:
        return workflow.start_activity_method(
            KnowledgeActivities.retrieve,
            self._retrieval_request(),
            start_to_close_timeout=RETRIEVE_TIMEOUT,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=ONCE,
            summary=f"attempt {attempt}",
        )

    def _start_generation(
        self, attempt: int, passages: list[RetrievedPassage]
    ) -> workflow.ActivityHandle[GenerationResult]:
        settings = self._request.settings
        self._generator_is_busy = True
        self.log.expect_attempt(attempt)
        request = GenerationRequest(
            user_id=self._request.user_id,
            operation_id=str(self._request.execution_id),
            attempt=attempt,
            query=self._request.input_data["query"],
            passages=passages,
            instructions=settings.instructions,
            max_tokens=settings.max_tokens,
            temperature=settings.temperature,
            generator=settings.generator,
            prefix=self.log.answer,
        )
        self._attempts.request_bytes += len(request.model_dump_json())
        return workflow.start_activity_method(
            GenerationActivities.generate,
            request,
            task_queue=generations_queue(workflow.info().task_queue),
            start_to_close_timeout=self._attempts.time_left,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            # When cancelled, the activity returns the partial answer and the generator's acknowledgement.
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            retry_policy=ONCE,
            summary=f"attempt {attempt}",
        )

    async def _stop(self) -> TerminalEvent:
        self.log.reject_batches()
        if self._generator_is_busy and self._acknowledged_at is None:
            self._acknowledged_at = await self._stop_generator()
        return stopped(self.log, self._acknowledged_at)

    async def _stop_generator(self) -> datetime | None:
        """Stop a generation whose own activity could not: its worker died, or a further attempt is pending."""
        request = StopRequest(user_id=self._request.user_id, operation_id=str(self._request.execution_id))
        try:
            acknowledgement = await workflow.execute_activity_method(
                GenerationActivities.stop_generation,
                request,
                schedule_to_close_timeout=2 * STOP_ACKNOWLEDGEMENT_TIMEOUT,
                retry_policy=ONCE,
            )
        except ActivityError as error:
            workflow.logger.warning("The generator could not be stopped: %s", error)
            return None
        return acknowledgement.at


def generations_queue(task_queue: str) -> str:
    """The task queue of generations; all short activities use `task_queue`."""
    return f"{task_queue}-generations"


def _summary(retrieved: Retrieved) -> str:
    count = len(retrieved.passages)
    if count == 0:
        return "Found no passages: there is nothing to answer from."
    documents = len({passage.document_id for passage in retrieved.passages})
    return f"Found {count} passage{'s'[: count > 1]} in {documents} document{'s'[: documents > 1]}."


def _rest(published: str, whole: str) -> DeltaContent:
    """The delta that turns the published answer into the whole one."""
    offset = len(published) if whole.startswith(published) else 0
    return DeltaContent(offset=offset, text=whole[offset:])


async def _close(event: TerminalEvent) -> None:
    """Close the workflow according to the event: as Failed, Canceled or Completed."""
    match event:
        case ExecutionError():
            raise ApplicationError(event.message, type=event.code, non_retryable=True)
        case ExecutionStopped():
            # An execution that was stopped by the records alone is cancelled by the sweep.
            await workflow.wait_condition(stop_requested)
            raise asyncio.CancelledError
        case _:
            return
