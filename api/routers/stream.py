"""Live updates: server-sent events and the WebSocket."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, WebSocket, WebSocketDisconnect
from fastapi.responses import Response
from pydantic import Field, TypeAdapter, ValidationError
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request

from api.authentication import CurrentUser, Unauthenticated, require_identity
from api.dependencies import ServicesDep, quotas_of, services_of
from api.live.relay import LogUnreadable
from api.live.socket import AgentSocket, ReaderTooSlow
from api.live.streams import streamed, with_previews
from api.route_classes import user_router
from api.routers.parameters import After, ExecutionId
from api.routers.responses import NOT_FOUND, Responses
from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import MAX_SEQUENCE
from dynavera.records.agents import AgentNotFound
from dynavera.records.database import DatabaseAway
from dynavera.web.quotas import TooManyStreams

UNAUTHENTICATED = 4401
NO_SUCH_AGENT = 4404
TOO_SLOW = 4408
INTERNAL_ERROR = 1011
TRY_AGAIN_LATER = 1013

EVENT_STREAM: Responses = {200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}}
LastEventId = Annotated[
    Annotated[int, Field(ge=0, le=MAX_SEQUENCE)] | None,
    Header(alias="Last-Event-ID", description="As `after`; takes precedence."),
]

Beat = Annotated[bool, Query(description="Send an event `beat` each second, which shows that the connection is alive.")]

WantsPreviews = Annotated[
    bool, Query(description="Also send what the model says before it is in the log, as `preview` without an `id`.")
]

of_execution = user_router("/api/executions", "executions")
router = APIRouter()
_agent_id: TypeAdapter[UUID] = TypeAdapter(UUID)


@of_execution.get("/stream", response_class=Response, responses=EVENT_STREAM)
async def stream_executions(
    request: Request, user: CurrentUser, services: ServicesDep, *, beat: Beat = False
) -> EventSourceResponse:
    """Your executions as they change."""
    changes = services.execution_changes.watch(user.id, utc_now())
    executions = (ServerSentEvent(data=one.model_dump_json()) async for one in changes)
    return streamed(request, user, executions, beat=beat)


@of_execution.get("/{execution_id}/events/stream", response_class=Response, responses=NOT_FOUND | EVENT_STREAM)
async def stream_events(
    request: Request,
    execution_id: ExecutionId,
    user: CurrentUser,
    services: ServicesDep,
    after: After = 0,
    last_event_id: LastEventId = None,
    *,
    previews: WantsPreviews = False,
) -> EventSourceResponse:
    """The execution's log, live: `id` is the sequence, and the type is inside the JSON."""
    start = after if last_event_id is None else last_event_id
    execution = await services.executions.check_cursor(user, execution_id, start)
    entries = services.relay.follow(execution_id, start)
    events = (ServerSentEvent(data=entry.json, id=str(entry.sequence)) async for entry in entries)
    if previews:
        events = with_previews(events, services.previews.watch(execution_id), execution.agent_id)
    return streamed(request, user, events)


router.include_router(of_execution)


@router.websocket("/ws/agents/{agent_id}")
async def agent_socket(websocket: WebSocket, agent_id: str, *, previews: bool = False) -> None:
    """The events of the agent's executions, and the client's actions."""
    try:
        async with _opened(websocket, agent_id, wants_previews=previews) as socket:
            await socket.serve()
    except Unauthenticated:
        await _close(websocket, UNAUTHENTICATED, "Log in, or send an API key.")
    except AgentNotFound:
        await _close(websocket, NO_SUCH_AGENT, "There is no such agent.")
    except ReaderTooSlow:
        await _close(websocket, TOO_SLOW, "The client reads too slowly; reconnect with 'after'.")
    except LogUnreadable:
        await _close(websocket, INTERNAL_ERROR, "A log cannot be read now; reconnect with 'after'.")
    except TooManyStreams as error:
        await _close(websocket, TRY_AGAIN_LATER, str(error))
    except DatabaseAway:
        await _close(websocket, TRY_AGAIN_LATER, "The database cannot be used now; try again in a moment.")
    except Exception:
        # A bug: the server logs it, and the client still gets a close code.
        await _close(websocket, INTERNAL_ERROR, "An internal error occurred; the service's log has the details.")
        raise


@asynccontextmanager
async def _opened(websocket: WebSocket, agent_id: str, *, wants_previews: bool) -> AsyncGenerator[AgentSocket]:
    """A socket that shows everything accepted after its upgrade. A refused one is upgraded too: browsers tell a page
    why a socket was closed, but not why it was not opened."""
    services = services_of(websocket)
    with ExitStack() as slot:
        try:
            user = (await require_identity(websocket, services)).user
            agent = await services.agents.get(user.id, _id(agent_id))
            slot.enter_context(quotas_of(websocket).streams.slot(user.id))
            socket = AgentSocket(websocket, user, agent.id, services, wants_previews)
            await socket.prepare()
        except Exception:
            # A close code can only be sent after the upgrade.
            await websocket.accept()
            raise
        await websocket.accept()
        yield socket


def _id(agent_id: str) -> UUID:
    try:
        return _agent_id.validate_python(agent_id)
    except ValidationError as error:
        raise AgentNotFound("Agent ids must be UUIDs.") from error


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close with a code if the client still reads; otherwise uvicorn drops the connection."""
    with suppress(TimeoutError, WebSocketDisconnect):
        async with asyncio.timeout(services_of(websocket).limits.socket_close_timeout.total_seconds()):
            await websocket.close(code, reason)
