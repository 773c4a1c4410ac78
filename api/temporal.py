"""The API's calls to Temporal, and their errors."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TypeVar
from uuid import UUID

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1.event_type_pb2 import EVENT_TYPE_WORKFLOW_TASK_COMPLETED, EVENT_TYPE_WORKFLOW_TASK_FAILED
from temporalio.api.enums.v1.failed_cause_pb2 import WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
from temporalio.api.workflowservice.v1 import (
    GetSystemInfoRequest,
    GetWorkflowExecutionHistoryReverseRequest,
    ListWorkersRequest,
)
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from dynavera.contracts.contract import utc_now
from dynavera.limits import (
    HISTORY_TIMEOUT,
    QUERY_ATTEMPTS,
    QUERY_RETRY_DELAY,
    RPC_TIMEOUT,
    WORKER_HEARTBEAT_TIMEOUT,
    WORKFLOW_TASK_TIMEOUT,
    WORKFLOW_TASK_TIMEOUT_MAX,
    WORKFLOW_TASK_TIMEOUT_TOKENS,
)
from dynavera.records.deliveries import WorkflowInput
from workflows import rules
from workflows.agent_execution import AgentExecution, ExecutionRequest
from workflows.event_log import LogPage, Snapshot
from workflows.history_log import HistoryLog, read_history

T = TypeVar("T")

RUNNING = 1
"""`WORKER_STATUS_RUNNING` of Temporal's API."""

SERVER_ERRORS = frozenset(
    {
        RPCStatusCode.ABORTED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.FAILED_PRECONDITION,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.PERMISSION_DENIED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.UNAUTHENTICATED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.UNIMPLEMENTED,
        RPCStatusCode.UNKNOWN,
    }
)
"""Errors of the server, not of one workflow: it is away or overloaded, refuses the credentials, hands the namespace
over to another cluster, or is a version without this call."""


class TemporalAway(Exception):
    """Temporal or every worker does not answer now."""


class TemporalRefused(TemporalAway):
    """Temporal refuses this call, and would refuse it again; other calls succeed."""


class WorkflowNotFound(Exception):
    """Temporal has no such workflow, or it is already closed."""


@dataclass(frozen=True)
class Closing:
    """How and when a workflow was closed."""

    status: WorkflowExecutionStatus
    at: datetime


@dataclass(frozen=True)
class FailingTask:
    """A workflow task that keeps failing: the last reason, and the time of the first failure."""

    reason: str
    since: datetime
    nondeterministic: bool
    """Whether the workflow's code does not match its history; only other code helps."""


@dataclass(frozen=True)
class Temporal:
    """The workflows of executions; every call ends within `RPC_TIMEOUT`."""

    client: Client
    task_queue: str
    time_limit: timedelta

    async def start(self, workflow_input: WorkflowInput) -> None:
        """Start the workflow unless it already exists, running or closed.

        Raises:
            TemporalRefused: its input is not accepted.
            TemporalAway: Temporal does not answer.
        """
        execution = ExecutionRequest(
            execution_id=workflow_input.execution_id,
            agent_id=workflow_input.agent_id,
            user_id=workflow_input.user_id,
            settings=workflow_input.settings,
            input_data=workflow_input.input_data,
            time_limit=self.time_limit,
            rules=rules.CURRENT,
        )
        async with _named_errors():
            try:
                await self.client.start_workflow(
                    AgentExecution.run,
                    execution,
                    id=str(workflow_input.execution_id),
                    task_queue=self.task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    static_summary=workflow_input.settings.name,
                    task_timeout=_task_timeout(workflow_input.settings.max_tokens),
                    rpc_timeout=RPC_TIMEOUT,
                )
            except WorkflowAlreadyStartedError:
                return
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                # No workflow can be missing yet, so it is the namespace.
                raise TemporalAway(f"Temporal refuses the start: {_message(error)}.") from error

    async def cancel(self, execution_id: UUID) -> None:
        """Ask the workflow to stop.

        Raises:
            WorkflowNotFound: it has closed, or was never started.
            TemporalAway: Temporal does not answer.
        """
        async with _named_errors():
            await self._handle(execution_id).cancel(rpc_timeout=RPC_TIMEOUT)

    async def events(self, execution_id: UUID, after: int) -> LogPage:
        """The part of the log that the workflow has.

        Raises:
            WorkflowNotFound: Temporal has no such workflow.
            TemporalAway: Temporal or every worker does not answer.
        """
        handle = self._handle(execution_id)
        async with _named_errors():
            return await _query(lambda: handle.query(AgentExecution.events, after, rpc_timeout=RPC_TIMEOUT))

    async def snapshot(self, execution_id: UUID) -> Snapshot:
        """The stage, and the answer so far.

        Raises:
            WorkflowNotFound: Temporal has no such workflow.
            TemporalAway: Temporal or every worker does not answer.
        """
        handle = self._handle(execution_id)
        async with _named_errors():
            return await _query(lambda: handle.query(AgentExecution.snapshot, rpc_timeout=RPC_TIMEOUT))

    async def closing(self, execution_id: UUID) -> Closing | None:
        """How the workflow was closed; None while it runs.

        Raises:
            WorkflowNotFound: Temporal has no such workflow.
            TemporalAway: Temporal does not answer.
        """
        state = await self.state(execution_id)
        return state if isinstance(state, Closing) else None

    async def state(self, execution_id: UUID) -> Closing | FailingTask | None:
        """How the workflow was closed, or its failing task; None while it runs normally.

        Raises:
            WorkflowNotFound: Temporal has no such workflow.
            TemporalAway: Temporal does not answer.
        """
        async with _named_errors():
            found = await self._handle(execution_id).describe(rpc_timeout=RPC_TIMEOUT)
        if found.status is not None and found.status is not WorkflowExecutionStatus.RUNNING:
            return Closing(found.status, found.close_time or utc_now())
        if found.raw_description.HasField("pending_workflow_task"):
            return await self._failing_task(execution_id)
        return None

    async def terminate(self, execution_id: UUID, reason: str) -> None:
        """Terminate the workflow.

        Raises:
            WorkflowNotFound: it has closed, or was never started.
            TemporalAway: Temporal does not answer.
        """
        async with _named_errors():
            await self._handle(execution_id).terminate(reason=reason, rpc_timeout=RPC_TIMEOUT)

    async def history_log(self, execution_id: UUID) -> HistoryLog:
        """The log, read from the workflow's history: needs no worker, and the workflow may be closed or failing.

        Raises:
            WorkflowNotFound: Temporal has no such workflow.
            TemporalAway: Temporal does not answer.
        """
        async with _named_errors(HISTORY_TIMEOUT):
            history = await self._handle(execution_id).fetch_history(rpc_timeout=RPC_TIMEOUT)
        return await read_history(history)

    async def reason(self, execution_id: UUID) -> str | None:
        """Temporal's reason for the failure of a closed workflow; None if it completed.

        Raises:
            WorkflowNotFound: Temporal has no such workflow.
            TemporalAway: Temporal does not answer.
        """
        async with _named_errors():
            try:
                await self._handle(execution_id).result(rpc_timeout=RPC_TIMEOUT)
            except WorkflowFailureError as error:
                return str(error.cause)
        return None

    async def version(self) -> str:
        """The server's version.

        Raises:
            TemporalAway: Temporal does not answer.
        """
        async with _named_errors():
            info = await self.client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=RPC_TIMEOUT)
        return info.server_version

    async def has_worker(self) -> bool:
        """Whether a worker of the task queue has sent a heartbeat within the last seconds.

        Raises:
            TemporalAway: Temporal does not answer.
        """
        request = ListWorkersRequest(namespace=self.client.namespace, page_size=100)
        alive = utc_now() - WORKER_HEARTBEAT_TIMEOUT
        while True:
            async with _named_errors():
                page = await self.client.workflow_service.list_workers(request, timeout=RPC_TIMEOUT)
            for worker in page.workers_info:
                beat = worker.worker_heartbeat
                seen = beat.heartbeat_time.ToDatetime(tzinfo=alive.tzinfo)
                if beat.task_queue == self.task_queue and beat.status == RUNNING and seen > alive:
                    return True
            if not page.next_page_token:
                return False
            request.next_page_token = page.next_page_token

    async def _failing_task(self, execution_id: UUID) -> FailingTask | None:
        """The failures of workflow tasks since the last completed one, read from the history."""
        workflow = WorkflowExecution(workflow_id=str(execution_id))
        request = GetWorkflowExecutionHistoryReverseRequest(namespace=self.client.namespace, execution=workflow)
        async with _named_errors():
            page = await self.client.workflow_service.get_workflow_execution_history_reverse(
                request, timeout=RPC_TIMEOUT
            )
        since_completed = takewhile(
            lambda event: event.event_type != EVENT_TYPE_WORKFLOW_TASK_COMPLETED, page.history.events
        )
        failed = [event for event in since_completed if event.event_type == EVENT_TYPE_WORKFLOW_TASK_FAILED]
        if not failed:
            return None
        last = failed[0].workflow_task_failed_event_attributes
        return FailingTask(
            reason=last.failure.message,
            since=failed[-1].event_time.ToDatetime(tzinfo=UTC),
            nondeterministic=last.cause == WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR,
        )

    def _handle(self, execution_id: UUID) -> WorkflowHandle[AgentExecution, None]:
        return self.client.get_workflow_handle_for(AgentExecution.run, str(execution_id))


async def _query(query: Callable[[], Awaitable[T]]) -> T:
    """Query with retries: a worker that has just taken over a workflow refuses queries before its workflow task."""
    for _ in range(QUERY_ATTEMPTS - 1):
        with suppress(WorkflowQueryFailedError):
            return await query()
        await asyncio.sleep(QUERY_RETRY_DELAY.total_seconds())
    return await query()


@asynccontextmanager
async def _named_errors(within: timedelta = RPC_TIMEOUT) -> AsyncGenerator[None]:
    try:
        async with asyncio.timeout(within.total_seconds()):
            yield
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND and not _is_about_the_namespace(error):
            raise WorkflowNotFound("Temporal has no such workflow.") from error
        if error.status not in SERVER_ERRORS:
            raise TemporalRefused(f"Temporal refuses it: {_message(error)}.") from error
        raise TemporalAway(f"Temporal does not answer: {_message(error)}.") from error
    except (TimeoutError, WorkflowQueryFailedError) as error:
        raise TemporalAway("Temporal or a worker did not answer in time.") from error
    except RuntimeError as error:
        # The SDK raises it when a lazy client cannot connect.
        raise TemporalAway(f"Temporal cannot be reached: {error}.") from error


def _message(error: RPCError) -> str:
    return error.message.rstrip(".")


def _task_timeout(max_tokens: int) -> timedelta:
    """The workflow task timeout: longer answers have longer histories, which take longer to read."""
    return min(WORKFLOW_TASK_TIMEOUT * (1 + max_tokens / WORKFLOW_TASK_TIMEOUT_TOKENS), WORKFLOW_TASK_TIMEOUT_MAX)


def _is_about_the_namespace(error: RPCError) -> bool:
    """Whether the namespace is missing, not the workflow."""
    return any(detail.type_url.endswith(".NamespaceNotFoundFailure") for detail in error.grpc_status.details)
