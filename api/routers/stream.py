"""What happens, as it happens: server-sent events and the WebSocket."""

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

from api.agent_socket import AgentSocket, ReaderTooSlow
from api.authentication import CurrentUser, Unauthenticated, until_unwelcome, welcome
from api.dependencies import Services, ServicesDep, quotas_of, services_of
from api.relay import LogUnreadable
from api.requests import user_router
from api.routers.parameters import After, ExecutionId
from api.routers.responses import NOT_FOUND, Responses
from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import MAX_SEQUENCE
from dynavera.contracts.users import User
from dynavera.records.agents import AgentNotFound
from dynavera.records.database import DatabaseAway
from dynavera.web.quotas import TooManyStreams, held

UNAUTHENTICATED = 4401
NO_SUCH_AGENT = 4404
TOO_SLOW = 4408
WENT_WRONG = 1011
TRY_AGAIN_LATER = 1013

EVENT_STREAM: Responses = {200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}}
LastEventId = Annotated[
    Annotated[int, Field(ge=0, le=MAX_SEQUENCE)] | None,
    Header(alias="Last-Event-ID", description="As `after`; this one counts."),
]

Beat = Annotated[bool, Query(description="Whether an event `beat` each second shows that the connection is alive.")]
BEAT_SECONDS = 1

of_execution = user_router("/api/executions", "executions")
router = APIRouter()
_agent_id: TypeAdapter[UUID] = TypeAdapter(UUID)


@of_execution.get("/stream", response_class=Response, responses=EVENT_STREAM)
async def stream_executions(
    request: Request, user: CurrentUser, services: ServicesDep, *, beat: Beat = False
) -> EventSourceResponse:
    """Your executions as they change."""
    changes = services.execution_changes.of(user.id, utc_now())
    executions = (ServerSentEvent(data=one.model_dump_json()) async for one in changes)
    return _streamed(request, user, executions, beat=beat)


@of_execution.get("/{execution_id}/events/stream", response_class=Response, responses=NOT_FOUND | EVENT_STREAM)
async def stream_events(
    request: Request,
    execution_id: ExecutionId,
    user: CurrentUser,
    services: ServicesDep,
    after: After = 0,
    last_event_id: LastEventId = None,
) -> EventSourceResponse:
    """The execution's log, live: `id` is the sequence, and the type is inside the JSON."""
    start = after if last_event_id is None else last_event_id
    await services.executions.check_cursor(user, execution_id, start)
    entries = services.relay.follow(execution_id, start)
    return _streamed(
        request, user, (ServerSentEvent(data=entry.json, id=str(entry.event.sequence)) async for entry in entries)
    )


router.include_router(of_execution)


@router.websocket("/ws/agents/{agent_id}")
async def agent_socket(websocket: WebSocket, agent_id: str) -> None:
    """What happens in the agent's executions, and what its client asks for."""
    try:
        async with _opened(websocket, agent_id) as socket:
            await socket.serve()
    except Unauthenticated:
        await _close(websocket, UNAUTHENTICATED, "Log in, or show an API key.")
    except AgentNotFound:
        await _close(websocket, NO_SUCH_AGENT, "There is no such agent.")
    except ReaderTooSlow:
        await _close(websocket, TOO_SLOW, "You read too slowly; come back with 'after'.")
    except LogUnreadable:
        await _close(websocket, WENT_WRONG, "A log cannot be read here now; come back with 'after'.")
    except TooManyStreams as error:
        await _close(websocket, TRY_AGAIN_LATER, str(error))
    except DatabaseAway:
        await _close(websocket, TRY_AGAIN_LATER, "The database cannot be used now; try again in a moment.")
    except Exception:
        # A bug: the server logs it, and the client still gets a close code.
        await _close(websocket, WENT_WRONG, "Something went wrong here; the service's log says what.")
        raise


@asynccontextmanager
async def _opened(websocket: WebSocket, agent_id: str) -> AsyncGenerator[AgentSocket]:
    """A socket that shows all that is accepted after its upgrade. One that is refused is upgraded too: browsers show a
    page why a socket was closed, and not why it was not opened."""
    services = services_of(websocket)
    with ExitStack() as place:
        try:
            user = (await welcome(websocket, services)).user
            agent = await services.agents.get(user.id, _id(agent_id))
            place.enter_context(quotas_of(websocket).streams.place(user.id))
            socket = AgentSocket(websocket, user, agent.id, services)
            await socket.prepare()
        except Exception:
            # Whatever it is, a close code can only be sent after the upgrade.
            await websocket.accept()
            raise
        await websocket.accept()
        yield socket


def _id(agent_id: str) -> UUID:
    try:
        return _agent_id.validate_python(agent_id)
    except ValidationError as error:
        raise AgentNotFound("There is no agent whose id is no UUID.") from error


def _streamed(
    request: Request, user: User, events: AsyncGenerator[ServerSentEvent], *, beat: bool = False
) -> EventSourceResponse:
    contexts = held(request)
    # From here on it is a stream, and one request in flight fewer.
    contexts.close()
    contexts.enter_context(quotas_of(request).streams.place(user.id))
    return EventSourceResponse(
        _while_welcome(request, services_of(request), events),
        ping=BEAT_SECONDS if beat else None,
        ping_message_factory=_beat if beat else None,
        send_timeout=services_of(request).limits.reader_timeout.total_seconds(),
    )


def _beat() -> ServerSentEvent:
    # Browsers show no comments to a page, and pass on no event that is empty.
    return ServerSentEvent(event="beat", data=utc_now().isoformat())


async def _while_welcome(
    request: Request, services: Services, events: AsyncGenerator[ServerSentEvent]
) -> AsyncGenerator[ServerSentEvent]:
    """The events, as long as the session that asked for them lives."""
    leaving = asyncio.ensure_future(until_unwelcome(request, services))
    coming = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            await asyncio.wait({leaving, coming}, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                return
            event = coming.result()
            if event is None:
                return
            yield event
            coming = asyncio.ensure_future(anext(events, None))
    finally:
        leaving.cancel()
        coming.cancel()
        await asyncio.wait({leaving, coming})
        await events.aclose()


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close with a code, if the client still reads; uvicorn drops it otherwise."""
    with suppress(TimeoutError, WebSocketDisconnect):
        async with asyncio.timeout(services_of(websocket).limits.socket_close_timeout.total_seconds()):
            await websocket.close(code, reason)
