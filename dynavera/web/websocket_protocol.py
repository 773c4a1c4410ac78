"""uvicorn's WebSocket protocol with more limits, and handshakes that are always answered."""

import asyncio
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.server import ServerProtocol
from websockets.typing import StatusLike

from dynavera.web.problems import ErrorResponse
from dynavera.web.refusals import closing, on_the_wire

MAX_FRAGMENTS = 1000
"""Fragments of a message before they are joined: each takes memory besides its bytes, and may be a single byte."""


READ_BYTES = 4096
"""Bytes parsed at a time, before the application takes the messages: one of one byte takes hundreds of bytes."""


class _Handshake(ServerProtocol):
    """Refuses handshakes as problems."""

    def reject(self, status: StatusLike, text: str) -> Response:
        """The response that refuses a handshake."""
        detail = text.strip() or "This WebSocket is refused."
        refusal = closing(ErrorResponse(int(status), "bad_handshake", detail))
        reason = super().reject(status, text).reason_phrase
        return Response(refusal.status_code, reason, Headers(refusal.headers.items()), bytes(refusal.body))


class GuardedWebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket, from its handshake on."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = _Handshake(
            extensions=self.conn.available_extensions, max_size=config.ws_max_size, logger=self.conn.logger
        )

        self._unread = b""

    def data_received(self, data: bytes) -> None:
        """Read frames; refuse the connection if its first data is not a handshake."""
        if self.transport.is_closing():
            return
        self._unread += data
        self._read_frames()
        if not self.handshake_initiated:
            self._refuse_handshake()
        elif not self.writable.is_set():
            # Pings are answered without the application: stop reading from a client that does not read its pongs.
            self.transport.pause_reading()

    async def receive(self) -> ASGIReceiveEvent:
        """The next message for the application."""
        message = await super().receive()
        if not self.read_paused:
            self._read_frames()
        return message

    def _read_frames(self) -> None:
        """Read in small pieces until the application has a message to take: many small messages take much memory."""
        while self._unread and not self.read_paused and not self.transport.is_closing():
            piece, self._unread = self._unread[:READ_BYTES], self._unread[READ_BYTES:]
            super().data_received(piece)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    def handle_cont(self, event: Frame) -> None:
        """Take a further fragment of a message."""
        if not event.data and not event.fin:
            return
        if len(self.frames) >= MAX_FRAGMENTS:
            self.frames = [b"".join(self.frames)]
        super().handle_cont(event)

    async def send(self, message: ASGISendEvent) -> None:
        """Send the application's message."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            # uvicorn treats a handshake that was refused with a response as unanswered.
            self.handshake_complete = True

    def _refuse_handshake(self) -> None:
        refusal = b"".join(self.conn.data_to_send())
        if not refusal:
            detail = "This is not a WebSocket handshake: see RFC 6455."
            refusal = on_the_wire(ErrorResponse(400, "bad_handshake", detail))
        self.handshake_complete = True
        self.close_sent = True
        self.transport.write(refusal)
        self.transport.close()
