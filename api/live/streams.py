"""Server-sent events, for as long as the session lasts that requested them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from uuid import UUID

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request

from api.authentication import Unauthenticated, until_session_ends
from api.dependencies import Services, quotas_of, services_of
from dynavera.bus.messages import Written
from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import Preview
from dynavera.contracts.users import User
from dynavera.web.quotas import contexts_of

BEAT_SECONDS = 1


def streamed(
    request: Request, user: User, events: AsyncGenerator[ServerSentEvent], *, beat: bool = False
) -> EventSourceResponse:
    """A response with these events; with `beat`, also an event `beat` each second.

    Raises:
        TooManyStreams: the user has too many open streams.
    """
    contexts = contexts_of(request)
    # From here on it counts as a stream, no longer as a request.
    contexts.close()
    contexts.enter_context(quotas_of(request).streams.slot(user.id))
    return EventSourceResponse(
        _while_session_lasts(request, services_of(request), events),
        ping=BEAT_SECONDS if beat else None,
        ping_message_factory=_beat if beat else None,
        send_timeout=services_of(request).limits.reader_timeout.total_seconds(),
    )


async def with_previews(
    events: AsyncGenerator[ServerSentEvent], previews: AsyncGenerator[Written], agent_id: UUID
) -> AsyncGenerator[ServerSentEvent]:
    """The events, and between them the previews of the same execution; ends with the events."""
    next_event, next_preview = asyncio.ensure_future(anext(events, None)), asyncio.ensure_future(anext(previews))
    try:
        while True:
            await asyncio.wait({next_event, next_preview}, return_when=asyncio.FIRST_COMPLETED)
            if next_event.done():
                event = next_event.result()
                if event is None:
                    return
                yield event
                next_event = asyncio.ensure_future(anext(events, None))
            if next_preview.done():
                yield _preview(next_preview.result(), agent_id)
                next_preview = asyncio.ensure_future(anext(previews))
    finally:
        next_event.cancel()
        next_preview.cancel()
        await asyncio.wait({next_event, next_preview})
        await events.aclose()
        await previews.aclose()


def _preview(written: Written, agent_id: UUID) -> ServerSentEvent:
    preview = Preview(execution_id=written.execution_id, agent_id=agent_id, offset=written.offset, text=written.text)
    return ServerSentEvent(data=preview.model_dump_json())


def _beat() -> ServerSentEvent:
    # Browsers hide comments from a page, and drop empty events.
    return ServerSentEvent(event="beat", data=utc_now().isoformat())


async def _while_session_lasts(
    request: Request, services: Services, events: AsyncGenerator[ServerSentEvent]
) -> AsyncGenerator[ServerSentEvent]:
    """The events, until the session that requested them ends."""
    session_end = asyncio.ensure_future(until_session_ends(request, services))
    next_event = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            await asyncio.wait({session_end, next_event}, return_when=asyncio.FIRST_COMPLETED)
            if session_end.done():
                with suppress(Unauthenticated):
                    session_end.result()
                return
            event = next_event.result()
            if event is None:
                return
            yield event
            next_event = asyncio.ensure_future(anext(events, None))
    finally:
        session_end.cancel()
        next_event.cancel()
        await asyncio.wait({session_end, next_event})
        await events.aclose()
