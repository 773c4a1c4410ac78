"""uvicorn's HTTP/1.1 with limits: its parser, httptools, has none of its own."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import structlog
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from dynavera.web.answering import AnswerTransport
from dynavera.web.crowding import OnlyHealth
from dynavera.web.problems import Answer
from dynavera.web.refusals import (
    MALFORMED,
    TOO_MANY_CONNECTIONS,
    TOO_MANY_PIPELINED,
    head_timeout,
    headers_too_large,
    on_the_wire,
    url_too_long,
)
from dynavera.web.server_config import ServerConfig
from dynavera.web.slow_readers import SlowReaderCheck

FIELD_OVERHEAD = len(": \r\n")

_log = structlog.get_logger(__name__)


class _Refused(Exception):
    """Stops the parser; the protocol knows the refusal."""


class GuardedHttpProtocol(HttpToolsProtocol):
    """One connection, within `HttpLimits`; uvicorn's `limit_concurrency` is the number of connections in all.

    What cannot be a request is answered as a problem, and the connection is closed.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = cast("ServerConfig", config).http_limits
        self._max_connections = config.limit_concurrency
        # uvicorn would refuse health checks too, and in plain text.
        self.limit_concurrency = None
        self._is_crowded = False
        self._is_closing = False
        self._refusal = MALFORMED
        self._in_head = True
        self._has_begun = False
        self._head_bytes = 0
        self._bytes_without_progress = 0
        self._owed = ""
        self._deadline: asyncio.TimerHandle | None = None
        self._slow_reader_check = SlowReaderCheck(self.loop, self._limits)

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] -- as uvicorn
        """Wait for a request, unless there are too many connections already."""
        super().connection_made(transport)
        if self._max_connections is not None:
            self._make_room(len(self.connections) - self._max_connections)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was timed."""
        self._stop_reading()
        self._slow_reader_check.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse `data`, and refuse what no message makes use of."""
        if self._is_closing:
            return
        self._bytes_without_progress += len(data)
        super().data_received(data)
        if self._is_closing:
            return
        if self._bytes_without_progress > self._limits.head_bytes:
            self._refuse(headers_too_large(self._limits))
        else:
            self._watch()

    def on_message_begin(self) -> None:
        """Begin with the head of a request."""
        super().on_message_begin()
        self._has_begun = True
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the URL.

        Raises:
            _Refused: it is too long.
        """
        super().on_url(url)
        if len(self.url) > self._limits.head_bytes:
            self._stop_parser(url_too_long(self._limits))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; fields after the body (trailers) are dropped, for a header is what they must not become.

        Raises:
            _Refused: there are too many.
        """
        if not self._in_head:
            return
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value) + FIELD_OVERHEAD
        if self._head_bytes > self._limits.head_bytes or len(self.headers) > self._limits.headers:
            self._stop_parser(headers_too_large(self._limits))

    def on_headers_complete(self) -> None:
        """Hand the request to the application.

        Raises:
            _Refused: too many requests wait before it.
        """
        if len(self.pipeline) >= self._limits.pipelined:
            self._stop_parser(TOO_MANY_PIPELINED)
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.transport = AnswerTransport(self.transport, self._close_after_answer)
            self.cycle.keep_alive = self.cycle.keep_alive and not self._is_crowded
        self._in_head = False
        self._has_begun = False
        self._bytes_without_progress = 0
        self._expect_nothing()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        super().on_body(body)
        self._bytes_without_progress = 0

    def on_message_complete(self) -> None:
        """The whole request is there: what follows is another."""
        super().on_message_complete()
        self._in_head = True
        self._bytes_without_progress = 0

    def on_response_complete(self) -> None:
        """Go on with the next request."""
        super().on_response_complete()
        if self._is_closing:
            self._unset_keepalive_if_required()
        elif not self.transport.is_closing():
            self._watch()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- as uvicorn calls it
        """Refuse what the parser did not take."""
        self._refuse(self._refusal)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to the WebSocket protocol."""
        if self._is_crowded:
            self._refuse(TOO_MANY_CONNECTIONS)
        elif not self._is_answered():
            # The answer to an earlier request would be written into the WebSocket.
            self._refuse(MALFORMED)
        else:
            self._stop_reading()
            super().handle_websocket_upgrade()

    def _unsupported_upgrade_warning(self) -> None:
        # A server may ignore an upgrade (RFC 9110, 7.8). The parser reads nothing after one: this request is the last.
        self.cycle.keep_alive = False

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        super().pause_writing()
        self._slow_reader_check.start(self.transport)

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        self._slow_reader_check.stop()

    def _make_room(self, too_many: int) -> None:
        if too_many > self._limits.excess_connections:
            self.transport.abort()
        elif too_many > 0:
            self._is_crowded = True
            self.app = OnlyHealth(self.app)  # pyright: ignore[reportAttributeAccessIssue] -- uvicorn has its own ASGI types
            if too_many == 1:
                _log.warning("too many connections", most=self._max_connections)

    def _watch(self) -> None:
        """Time what the client owes now: the rest of a head, or the rest of a body that is answered already."""
        is_answered = self._is_answered()
        if self._in_head and (self._has_begun or self._bytes_without_progress > 0 or self._latest is None):
            self._expect(
                "head",
                self._limits.excess_head_timeout if self._is_crowded else self._limits.head_timeout,
                self._head_is_late,
            )
        elif is_answered and not self._in_head:
            self._expect("rest of body", self._limits.discarded_body_timeout, self.transport.abort)
        else:
            self._expect_nothing()
            if is_answered and self.timeout_keep_alive_task is None:
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )

    @property
    def _latest(self) -> RequestResponseCycle | None:
        """The newest request whose head has come."""
        return self.cycle

    def _is_answered(self) -> bool:
        return self._latest is None or (self._latest.response_complete and not self.pipeline)

    def _expect(self, what: str, patience: timedelta, or_else: Callable[[], None]) -> None:
        self._unset_keepalive_if_required()
        if self._owed != what:
            self._expect_nothing()
            self._owed = what
            self._deadline = self.loop.call_later(patience.total_seconds(), or_else)

    def _expect_nothing(self) -> None:
        self._owed = ""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _head_is_late(self) -> None:
        self._refuse(head_timeout(self._limits))

    def _stop_parser(self, refusal: Answer) -> None:
        self._refusal = refusal
        raise _Refused

    def _stop_reading(self) -> None:
        self._is_closing = True
        self._unset_keepalive_if_required()
        self._expect_nothing()

    def _refuse(self, refusal: Answer) -> None:
        """Read no more; answer with `refusal`, where an answer is due and none has begun."""
        self._stop_reading()
        if self._is_answered():
            self._answer(refusal)
        elif self._in_head:
            # Earlier requests of this connection are still being answered; those are the last ones.
            self.cycle.keep_alive = False
        elif self.cycle.response_started or self.pipeline:
            self.transport.abort()
        else:
            self.cycle.disconnected = True
            self.cycle.waiting_for_100_continue = False
            self.cycle.message_event.set()
            self._answer(refusal)

    def _answer(self, refusal: Answer) -> None:
        self.transport.write(on_the_wire(refusal))
        self._linger(self._limits.linger_timeout)

    def _close_after_answer(self) -> None:
        if self._in_head or self.transport.is_closing():
            self.transport.close()
        else:
            self.pipeline.clear()
            self._stop_reading()
            self._linger(self._limits.discarded_body_timeout)

    def _linger(self, patience: timedelta) -> None:
        """Send no more, and throw away what the client still sends, until it has read its answer.

        Closing at once would reset the connection, and the answer with it (RFC 9112, 9.6).
        """
        self.flow.resume_reading()
        self.transport.write_eof()
        self._deadline = self.loop.call_later(patience.total_seconds(), self.transport.abort)
