"""Executions: start, stop, retry, read, delete."""

from dataclasses import replace

from fastapi import APIRouter, Response, status

from api.authentication import CurrentUser
from api.dependencies import ExecutionsDep, KnowledgeDep
from api.route_classes import user_router
from api.routers.parameters import (
    After,
    AgentFilter,
    AgentId,
    Cursor,
    EventLimit,
    ExecutionId,
    FeedbackFilter,
    IdempotencyKey,
    Latest,
    Limit,
    Order,
    QuestionContains,
    Since,
    SortBy,
    SourceNumber,
    StatusFilter,
    Until,
)
from api.routers.responses import BODY, CONFLICT, NOT_FOUND
from dynavera.contracts.agents import AgentSettings
from dynavera.contracts.events import EventPage
from dynavera.contracts.executions import Execution, ExecutionCounts, ExecutionStart, PinnedSource
from dynavera.contracts.feedback import FeedbackGiven
from dynavera.contracts.pages import Page
from dynavera.records.executions import ExecutionQuery

ALREADY_ENDED = {200: {"model": Execution, "description": "It had already ended, and is returned unchanged."}}

of_agent = user_router("/api/agents/{agent_id}/executions", "executions")
of_user = user_router("/api/executions", "executions")


@of_agent.post("", status_code=status.HTTP_202_ACCEPTED, responses=NOT_FOUND | CONFLICT | BODY)
async def start_execution(
    agent_id: AgentId,
    start: ExecutionStart,
    user: CurrentUser,
    executions: ExecutionsDep,
    idempotency_key: IdempotencyKey = None,
) -> Execution:
    """Start the agent; the answer arrives as events."""
    return await executions.start(user, agent_id, start, idempotency_key)


@of_agent.get("", responses=NOT_FOUND)
async def list_executions_of_agent(
    agent_id: AgentId,
    user: CurrentUser,
    executions: ExecutionsDep,
    status: StatusFilter = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Execution]:
    """The agent's executions, newest first."""
    return await executions.page(user, ExecutionQuery(agent_id=agent_id, status=status, limit=limit, cursor=cursor))


@of_user.get("", responses=NOT_FOUND)
async def list_executions(
    user: CurrentUser,
    executions: ExecutionsDep,
    agent_id: AgentFilter = None,
    status: StatusFilter = None,
    q: QuestionContains = None,
    since: Since = None,
    until: Until = None,
    feedback: FeedbackFilter = None,
    sort: SortBy = "created_at",
    order: Order = "desc",
    limit: Limit = 50,
    cursor: Cursor = None,
    *,
    latest: Latest = False,
) -> Page[Execution]:
    """All your executions, newest first unless another order is given; a cursor belongs to its order."""
    narrowed = ExecutionQuery(agent_id=agent_id, status=status, q=q, latest=latest, since=since, until=until)
    return await executions.page(
        user, replace(narrowed, feedback=feedback, sort=sort, order=order, limit=limit, cursor=cursor)
    )


@of_user.get("/counts", responses=NOT_FOUND)
async def count_executions(
    user: CurrentUser,
    executions: ExecutionsDep,
    agent_id: AgentFilter = None,
    q: QuestionContains = None,
    since: Since = None,
    until: Until = None,
    feedback: FeedbackFilter = None,
) -> ExecutionCounts:
    """The number of your executions in each status."""
    narrowed = ExecutionQuery(agent_id=agent_id, q=q, since=since, until=until, feedback=feedback)
    return await executions.counts(user, narrowed)


@of_user.get("/{execution_id}", responses=NOT_FOUND)
async def get_execution(execution_id: ExecutionId, user: CurrentUser, executions: ExecutionsDep) -> Execution:
    """One execution; while it runs also its stage and the answer so far."""
    return await executions.get(user, execution_id)


@of_user.delete("/{execution_id}", status_code=status.HTTP_204_NO_CONTENT, responses=NOT_FOUND | CONFLICT)
async def delete_execution(execution_id: ExecutionId, user: CurrentUser, executions: ExecutionsDep) -> None:
    """Delete an execution and its log; refused while it is queued or running."""
    await executions.records.delete(user.id, execution_id)


@of_user.put("/{execution_id}/feedback", responses=NOT_FOUND | CONFLICT | BODY)
async def give_feedback(
    execution_id: ExecutionId, given: FeedbackGiven, user: CurrentUser, executions: ExecutionsDep
) -> Execution:
    """Give feedback on an execution that has ended, or replace what was given."""
    return await executions.records.set_feedback(user.id, execution_id, given)


@of_user.delete("/{execution_id}/feedback", responses=NOT_FOUND | CONFLICT)
async def remove_feedback(execution_id: ExecutionId, user: CurrentUser, executions: ExecutionsDep) -> Execution:
    """Remove the feedback on an execution; there may be none."""
    return await executions.records.set_feedback(user.id, execution_id, None)


@of_user.get("/{execution_id}/settings", responses=NOT_FOUND)
async def get_settings(execution_id: ExecutionId, user: CurrentUser, executions: ExecutionsDep) -> AgentSettings:
    """The agent's settings when the execution was accepted; later edits of the agent do not change them."""
    return await executions.records.settings(user.id, execution_id)


@of_user.post("/{execution_id}/stop", status_code=status.HTTP_202_ACCEPTED, responses=NOT_FOUND | ALREADY_ENDED)
async def stop_execution(
    execution_id: ExecutionId, user: CurrentUser, executions: ExecutionsDep, response: Response
) -> Execution:
    """Stop an execution in any phase; the partial answer is kept."""
    stop = await executions.stop(user, execution_id)
    response.status_code = status.HTTP_200_OK if stop.ended_before else status.HTTP_202_ACCEPTED
    return stop.execution


@of_user.post("/{execution_id}/retry", status_code=status.HTTP_202_ACCEPTED, responses=NOT_FOUND | CONFLICT)
async def retry_execution(execution_id: ExecutionId, user: CurrentUser, executions: ExecutionsDep) -> Execution:
    """Start a new execution of the same input."""
    return await executions.retry(user, execution_id)


@of_user.get("/{execution_id}/events", responses=NOT_FOUND)
async def list_events(
    execution_id: ExecutionId,
    user: CurrentUser,
    executions: ExecutionsDep,
    after: After = 0,
    limit: EventLimit = 1000,
) -> EventPage:
    """A page of the execution's log, starting after the sequence `after`."""
    return await executions.events(user, execution_id, after, limit)


@of_user.get("/{execution_id}/sources/{n}", responses=NOT_FOUND)
async def get_pinned_source(
    execution_id: ExecutionId, n: SourceNumber, user: CurrentUser, executions: ExecutionsDep, knowledge: KnowledgeDep
) -> PinnedSource:
    """A source as it was cited, and its document as it is now."""
    return await knowledge.pinned_source(user, await executions.pinned_source(user, execution_id, n))


router = APIRouter()
router.include_router(of_agent)
router.include_router(of_user)
