"""Starts one execution over a WebSocket and streams its events to the end, reconnecting when necessary."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from pydantic import SecretStr, ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.client import backoff
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from dynavera.cli.errors import CommandFailed, NotReachable
from dynavera.contracts.events import ExecutionEvent, TerminalEvent, execution_event, is_terminal
from dynavera.contracts.sockets import Accepted, SocketError, StartAgent, StopAgent, Subscribe

CLOSED_UNAUTHORIZED, CLOSED_NO_AGENT = 4401, 4404
CLOSED_TRY_AGAIN_LATER = 1013
MAX_MESSAGE_BYTES = 16 * 1024 * 1024


@dataclass
class ExecutionStream:
    """The state of the stream: enough to resume where a lost connection left off."""

    base_url: str
    agent_id: UUID
    api_key: SecretStr
    start: StartAgent
    on_event: Callable[[ExecutionEvent], None]
    on_notice: Callable[[str], None]
    reconnect_timeout: float = 60
    """Seconds without any message after which reconnecting is given up."""
    stop_requested: asyncio.Event = field(default_factory=asyncio.Event)
    execution_id: UUID | None = None
    last_sequence: int = 0
    _accepted: asyncio.Event = field(default_factory=asyncio.Event)
    _was_connected: bool = False
    _last_message_at: float = 0

    async def run(self) -> TerminalEvent:
        """Start the execution and report its events; the last one.

        Raises:
            NotReachable: the API does not answer, or does not answer any more.
            CommandFailed: the start was refused.
        """
        self._last_message_at = _now()
        delays = _reconnect_delays()
        async with aclosing(self._connections()) as connections:
            async for socket in connections:
                self._was_connected = True
                connected_at = _now()
                try:
                    terminal_event = await self._communicate(socket)
                    if terminal_event is not None:
                        return terminal_event
                except ConnectionClosed as error:
                    self._handle_closed(error)
                if self._last_message_at >= connected_at:
                    delays = _reconnect_delays()
                elif self._is_overdue():
                    break
                await asyncio.sleep(next(delays))
        raise NotReachable(self.base_url)

    def _connections(self) -> AsyncGenerator[ClientConnection]:
        connections = connect(
            f"{self.base_url.replace('http', 'ws', 1)}/ws/agents/{self.agent_id}",
            additional_headers={"Authorization": f"Bearer {self.api_key.get_secret_value()}"},
            max_size=MAX_MESSAGE_BYTES,
            proxy=None,
            process_exception=self._handle_connect_error,
            reconnect_delays=_reconnect_delays,
        )
        return cast("AsyncGenerator[ClientConnection]", aiter(connections))

    def _handle_connect_error(self, error: Exception) -> Exception | None:
        """The error to raise, or None to connect again."""
        if not isinstance(error, OSError | InvalidHandshake | TimeoutError):
            return error
        return None if self._was_connected and not self._is_overdue() else NotReachable(self.base_url)

    def _is_overdue(self) -> bool:
        return _now() - self._last_message_at > self.reconnect_timeout

    def _handle_closed(self, error: ConnectionClosed) -> None:
        code = None if error.rcvd is None else error.rcvd.code
        if code == CLOSED_UNAUTHORIZED:
            raise CommandFailed("Your API key is not accepted: see DYNAVERA_TOKEN.") from error
        if code == CLOSED_NO_AGENT:
            raise CommandFailed(f"You have no agent {str(self.agent_id)!r} any more.") from error
        reason = error.rcvd.reason if error.rcvd is not None and code == CLOSED_TRY_AGAIN_LATER else ""
        self.on_notice(f"{reason or 'The connection was lost.'} Reconnecting …")

    async def _communicate(self, socket: ClientConnection) -> TerminalEvent | None:
        if self.execution_id is None:
            await socket.send(self.start.model_dump_json())
        else:
            await self._subscribe(socket, self.execution_id)
        sending_stop = asyncio.create_task(self._send_stop_when_requested(socket))
        try:
            async for message in socket:
                self._last_message_at = _now()
                terminal_event = await self._handle_message(socket, json.loads(message))
                if terminal_event is not None:
                    return terminal_event
        finally:
            sending_stop.cancel()
            await asyncio.gather(sending_stop, return_exceptions=True)
        return None

    async def _handle_message(self, socket: ClientConnection, message: dict[str, Any]) -> TerminalEvent | None:
        match message["type"]:
            case "connection":
                return None
            case "accepted":
                await self._handle_accepted(socket, Accepted.model_validate(message))
                return None
            case "error":
                self._handle_error(SocketError.model_validate(message))
                return None
            case _:
                return await self._handle_event(socket, message)

    async def _handle_accepted(self, socket: ClientConnection, accepted: Accepted) -> None:
        if self.execution_id is not None:
            return
        self.execution_id = accepted.execution_id
        self._accepted.set()
        # The first events may have arrived before this message or, if the start was sent twice, on another socket.
        await self._subscribe(socket, accepted.execution_id)

    def _handle_error(self, error: SocketError) -> None:
        if self.execution_id is None:
            raise CommandFailed(error.message)
        self.on_notice(error.message)

    async def _handle_event(self, socket: ClientConnection, message: dict[str, Any]) -> TerminalEvent | None:
        if self.execution_id is None or message.get("execution_id") != str(self.execution_id):
            return None
        try:
            event = execution_event.validate_python(message, strict=False)
        except ValidationError:
            # A newer service may send events that this command does not know; they still count in the sequence.
            self.last_sequence = cast("int", message["sequence"])
            return None
        if event.sequence > self.last_sequence + 1:
            await self._subscribe(socket, self.execution_id)
        if event.sequence != self.last_sequence + 1:
            return None
        self.last_sequence = event.sequence
        self.on_event(event)
        return cast("TerminalEvent", event) if is_terminal(event) else None

    async def _subscribe(self, socket: ClientConnection, execution_id: UUID) -> None:
        request = Subscribe(action="subscribe", execution_id=execution_id, after=self.last_sequence)
        await socket.send(request.model_dump_json(exclude_none=True))

    async def _send_stop_when_requested(self, socket: ClientConnection) -> None:
        await self.stop_requested.wait()
        await self._accepted.wait()
        request = StopAgent(action="stop_agent", execution_id=self.execution_id)
        await socket.send(request.model_dump_json(exclude_none=True))


def _reconnect_delays() -> Generator[float]:
    return backoff(initial_delay=0.2, min_delay=0.4, max_delay=5, factor=2)


def _now() -> float:
    return asyncio.get_running_loop().time()
