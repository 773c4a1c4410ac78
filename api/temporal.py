"""What the API asks of Temporal, and what its silence means."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest, ListWorkersRequest
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
    RPC_TIMEOUT,
    WORKER_SILENT,
    WORKFLOW_TASK_TIMEOUT,
    WORKFLOW_TASK_TIMEOUT_MOST,
    WORKFLOW_TASK_TOKENS,
)
from dynavera.records.deliveries import Order
from workflows import rules
from workflows.agent_execution import AgentExecution, ExecutionOrder
from workflows.event_log import LogPage, Snapshot

RUNNING = 1
"""`WORKER_STATUS_RUNNING` of Temporal's API."""

CONCERNS_ALL = frozenset(
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
"""What Temporal says of itself, and not of the one workflow it is asked about: it is away, has too much to do, does not
let us in, hands the namespace over to another cluster, or is a version that cannot do it."""


class TemporalAway(Exception):
    """Temporal, or every worker, does not answer now."""


class TemporalRefuses(TemporalAway):
    """Temporal does not do this one thing, and will not; it answers what others ask."""


class WorkflowUnknown(Exception):
    """Temporal has no such workflow, or it is closed already."""


@dataclass(frozen=True)
class Closing:
    """How and when a workflow was closed."""

    status: WorkflowExecutionStatus
    at: datetime


@dataclass(frozen=True)
class Temporal:
    """The workflows of executions; every call ends within `RPC_TIMEOUT`."""

    client: Client
    task_queue: str
    time_limit: timedelta

    async def start(self, order: Order) -> None:
        """Start the workflow, once: one that runs is left running, one that has closed stays closed.

        Raises:
            TemporalRefuses: it cannot be started as it is.
            TemporalAway: Temporal does not answer.
        """
        execution = ExecutionOrder(
            execution_id=order.execution_id,
            agent_id=order.agent_id,
            user_id=order.user_id,
            settings=order.settings,
            input_data=order.input_data,
            time_limit=self.time_limit,
            rules=rules.CURRENT,
        )
        async with _named_errors():
            try:
                await self.client.start_workflow(
                    AgentExecution.run,
                    execution,
                    id=str(order.execution_id),
                    task_queue=self.task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    static_summary=order.settings.name,
                    task_timeout=_task_timeout(order.settings.max_tokens),
                    rpc_timeout=RPC_TIMEOUT,
                )
            except WorkflowAlreadyStartedError:
                return
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                # There is no workflow to be missing yet: it is the namespace.
                raise TemporalAway(f"Temporal refuses the start: {_words(error)}.") from error

    async def cancel(self, execution_id: UUID) -> None:
        """Ask the workflow to stop.

        Raises:
            WorkflowUnknown: it has closed, or was never started.
            TemporalAway: Temporal does not answer.
        """
        async with _named_errors():
            await self._handle(execution_id).cancel(rpc_timeout=RPC_TIMEOUT)

    async def events(self, execution_id: UUID, after: int) -> LogPage:
        """What the workflow has of the log.

        Raises:
            WorkflowUnknown: Temporal has no such workflow.
            TemporalAway: Temporal or every worker does not answer.
        """
        async with _named_errors():
            return await self._handle(execution_id).query(AgentExecution.events, after, rpc_timeout=RPC_TIMEOUT)

    async def snapshot(self, execution_id: UUID) -> Snapshot:
        """The stage, and the answer so far.

        Raises:
            WorkflowUnknown: Temporal has no such workflow.
            TemporalAway: Temporal or every worker does not answer.
        """
        async with _named_errors():
            return await self._handle(execution_id).query(AgentExecution.snapshot, rpc_timeout=RPC_TIMEOUT)

    async def closing(self, execution_id: UUID) -> Closing | None:
        """How the workflow was closed; None while it runs.

        Raises:
            WorkflowUnknown: Temporal has no such workflow.
            TemporalAway: Temporal does not answer.
        """
        async with _named_errors():
            found = await self._handle(execution_id).describe(rpc_timeout=RPC_TIMEOUT)
        if found.status is None or found.status is WorkflowExecutionStatus.RUNNING:
            return None
        return Closing(found.status, found.close_time or utc_now())

    async def reason(self, execution_id: UUID) -> str | None:
        """Why a closed workflow ended badly, in Temporal's words.

        Raises:
            WorkflowUnknown: Temporal has no such workflow.
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
        """Whether a worker of our task queue has said within the last seconds that it runs.

        Raises:
            TemporalAway: Temporal does not answer.
        """
        request = ListWorkersRequest(namespace=self.client.namespace, page_size=100)
        alive = utc_now() - WORKER_SILENT
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

    def _handle(self, execution_id: UUID) -> WorkflowHandle[AgentExecution, None]:
        return self.client.get_workflow_handle_for(AgentExecution.run, str(execution_id))


@asynccontextmanager
async def _named_errors() -> AsyncGenerator[None]:
    try:
        async with asyncio.timeout(RPC_TIMEOUT.total_seconds()):
            yield
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND and not _is_about_the_namespace(error):
            raise WorkflowUnknown("Temporal has no such workflow.") from error
        if error.status not in CONCERNS_ALL:
            raise TemporalRefuses(f"Temporal refuses it: {_words(error)}.") from error
        raise TemporalAway(f"Temporal does not answer: {_words(error)}.") from error
    except (TimeoutError, WorkflowQueryFailedError) as error:
        raise TemporalAway("Temporal, or its worker, does not answer in time.") from error
    except RuntimeError as error:
        # What the SDK raises where a lazy client cannot connect.
        raise TemporalAway(f"Temporal cannot be reached: {error}.") from error


def _words(error: RPCError) -> str:
    return error.message.rstrip(".")


def _task_timeout(max_tokens: int) -> timedelta:
    """The longer the answer may be, the longer its history, and the time it takes to read."""
    return min(WORKFLOW_TASK_TIMEOUT * (1 + max_tokens / WORKFLOW_TASK_TOKENS), WORKFLOW_TASK_TIMEOUT_MOST)


def _is_about_the_namespace(error: RPCError) -> bool:
    """Whether not the workflow is unknown, but where it is looked for: then nothing is known of the workflow."""
    return any(detail.type_url.endswith(".NamespaceNotFoundFailure") for detail in error.grpc_status.details)
