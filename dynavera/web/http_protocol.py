"""uvicorn's HTTP/1.1 protocol with limits, which its parser, httptools, lacks."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import structlog
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from dynavera.web.overload import HealthOnly
from dynavera.web.problems import ErrorResponse
from dynavera.web.refusals import (
    MALFORMED,
    TOO_MANY_CONNECTIONS,
    TOO_MANY_PIPELINED,
    head_timeout,
    headers_too_large,
    on_the_wire,
    url_too_long,
)
from dynavera.web.response_transport import ResponseTransport
from dynavera.web.server_config import ServerConfig
from dynavera.web.slow_readers import SlowReaderCheck

FIELD_OVERHEAD = len(": \r\n")

_log = structlog.get_logger(__name__)


class _Refused(Exception):
    """Stops the parser; the protocol knows the refusal."""


class GuardedHttpProtocol(HttpToolsProtocol):
    """One connection, within `HttpLimits`; uvicorn's `limit_concurrency` is the number of connections in all.

    Invalid input is answered with a problem, and the connection is closed.
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
        self._health_paths = cast("ServerConfig", config).health_paths
        self._max_connections = config.limit_concurrency
        # uvicorn would refuse health checks too, and in plain text.
        self.limit_concurrency = None
        self._is_excess = False
        self._is_closing = False
        self._refusal = MALFORMED
        self._in_head = True
        self._has_begun = False
        self._head_bytes = 0
        self._bytes_without_progress = 0
        self._awaited = ""
        self._deadline: asyncio.TimerHandle | None = None
        self._slow_reader_check = SlowReaderCheck(self.loop, self._limits)

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] -- as uvicorn
        """Wait for a request, unless there are too many connections."""
        super().connection_made(transport)
        if self._max_connections is not None:
            self._limit_connections(len(self.connections) - self._max_connections)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers."""
        self._stop_reading()
        self._slow_reader_check.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse `data`; refuse more than `head_bytes` that do not extend a message."""
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
        """Start reading a request's headers."""
        super().on_message_begin()
        self._has_begun = True
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Add a piece of the URL.

        Raises:
            _Refused: it is too long.
        """
        super().on_url(url)
        if len(self.url) > self._limits.head_bytes:
            self._stop_parser(url_too_long(self._limits))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; trailers, which follow the body, are dropped: they must not become headers.

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
        """Pass the request to the application.

        Raises:
            _Refused: too many requests wait before it.
        """
        if len(self.pipeline) >= self._limits.pipelined:
            self._stop_parser(TOO_MANY_PIPELINED)
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.transport = ResponseTransport(self.transport, self._close_after_answer)
            self.cycle.keep_alive = self.cycle.keep_alive and not self._is_excess
        self._in_head = False
        self._has_begun = False
        self._bytes_without_progress = 0
        self._stop_timing()

    def on_body(self, body: bytes) -> None:
        """Add a piece of the body."""
        super().on_body(body)
        self._bytes_without_progress = 0

    def on_message_complete(self) -> None:
        """The request is complete; the next bytes start another one."""
        super().on_message_complete()
        self._in_head = True
        self._bytes_without_progress = 0

    def on_response_complete(self) -> None:
        """Continue with the next request."""
        super().on_response_complete()
        if self._is_closing:
            self._unset_keepalive_if_required()
        elif not self.transport.is_closing():
            self._watch()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- as uvicorn calls it
        """Refuse what the parser rejected."""
        self._refuse(self._refusal)

    def handle_websocket_upgrade(self) -> None:
        """Switch the connection to the WebSocket protocol."""
        if self._is_excess:
            self._refuse(TOO_MANY_CONNECTIONS)
        elif not self._is_answered():
            # The response to an earlier request would be written into the WebSocket.
            self._refuse(MALFORMED)
        else:
            self._stop_reading()
            super().handle_websocket_upgrade()

    def _unsupported_upgrade_warning(self) -> None:
        # A server may ignore an upgrade (RFC 9110, 7.8). The parser reads nothing after one: this request is the last.
        self.cycle.keep_alive = False

    def pause_writing(self) -> None:
        """The client reads more slowly than the response is written."""
        super().pause_writing()
        self._slow_reader_check.start(self.transport)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self._slow_reader_check.stop()

    def _limit_connections(self, too_many: int) -> None:
        if too_many > self._limits.excess_connections:
            self.transport.abort()
        elif too_many > 0:
            self._is_excess = True
            self.app = HealthOnly(self.app, self._health_paths)  # pyright: ignore[reportAttributeAccessIssue] -- uvicorn has its own ASGI types
            if too_many == 1:
                _log.warning("too many connections", most=self._max_connections)

    def _watch(self) -> None:
        """Time the input that is due: the rest of the headers, or the rest of a body that was answered early."""
        is_answered = self._is_answered()
        if self._in_head and (self._has_begun or self._bytes_without_progress > 0 or self._latest is None):
            self._time("head", self._head_timeout, self._head_is_late)
        elif is_answered and not self._in_head:
            self._time("rest of body", self._limits.discarded_body_timeout, self.transport.abort)
        else:
            self._stop_timing()
            if is_answered and self.timeout_keep_alive_task is None:
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )

    @property
    def _head_timeout(self) -> timedelta:
        return self._limits.excess_head_timeout if self._is_excess else self._limits.head_timeout

    @property
    def _latest(self) -> RequestResponseCycle | None:
        """The newest request whose headers have arrived."""
        return self.cycle

    def _is_answered(self) -> bool:
        return self._latest is None or (self._latest.response_complete and not self.pipeline)

    def _time(self, what: str, timeout: timedelta, on_timeout: Callable[[], None]) -> None:
        self._unset_keepalive_if_required()
        if self._awaited != what:
            self._stop_timing()
            self._awaited = what
            self._deadline = self.loop.call_later(timeout.total_seconds(), on_timeout)

    def _stop_timing(self) -> None:
        self._awaited = ""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _head_is_late(self) -> None:
        self._refuse(head_timeout(self._head_timeout))

    def _stop_parser(self, refusal: ErrorResponse) -> None:
        self._refusal = refusal
        raise _Refused

    def _stop_reading(self) -> None:
        self._is_closing = True
        self._unset_keepalive_if_required()
        self._stop_timing()

    def _refuse(self, refusal: ErrorResponse) -> None:
        """Stop reading; send `refusal` if no response has started."""
        self._stop_reading()
        if self._is_answered():
            self._answer(refusal)
        elif self._in_head:
            # Earlier requests of this connection are still being answered; they are its last ones.
            self.cycle.keep_alive = False
        elif self.cycle.response_started or self.pipeline:
            self.transport.abort()
        else:
            self.cycle.disconnected = True
            self.cycle.waiting_for_100_continue = False
            self.cycle.message_event.set()
            self._answer(refusal)

    def _answer(self, refusal: ErrorResponse) -> None:
        self.transport.write(on_the_wire(refusal))
        self._discard_input(self._limits.linger_timeout)

    def _close_after_answer(self) -> None:
        if self._in_head or self.transport.is_closing():
            self.transport.close()
        else:
            self.pipeline.clear()
            self._stop_reading()
            self._discard_input(self._limits.discarded_body_timeout)

    def _discard_input(self, timeout: timedelta) -> None:
        """Stop sending, and discard input until the client has read its response.

        Closing at once would reset the connection and lose the response (RFC 9112, 9.6).
        """
        self.flow.resume_reading()
        self.transport.write_eof()
        self._deadline = self.loop.call_later(timeout.total_seconds(), self.transport.abort)
