"""One execution over a WebSocket, from its start to its end, through every reconnect."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from pydantic import SecretStr, ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from dynavera.cli.failures import CommandFailed, NotReachable
from dynavera.contracts.events import ExecutionEvent, TerminalEvent, execution_event, is_terminal
from dynavera.contracts.sockets import Accepted, SocketError, StartAgent, StopAgent, Subscribe

NO_USER, NO_AGENT = 4401, 4404
TRY_AGAIN_LATER = 1013
LARGEST_MESSAGE = 16 * 1024 * 1024
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0


@dataclass
class Following:
    """What is known of the execution so far: enough to go on where a broken socket left off."""

    base_url: str
    agent_id: UUID
    api_key: SecretStr
    start: StartAgent
    show: Callable[[ExecutionEvent], None]
    note: Callable[[str], None]
    patience_seconds: float = 60
    """How long a socket that broke may stay away."""
    stop_asked: asyncio.Event = field(default_factory=asyncio.Event)
    execution_id: UUID | None = None
    seen: int = 0
    _accepted: asyncio.Event = field(default_factory=asyncio.Event)
    _opened: bool = False
    _last_heard: float = 0

    async def to_its_end(self) -> TerminalEvent:
        """Start the execution and show its events; the last one.

        Raises:
            NotReachable: nothing answers, or nothing answers any more.
            CommandFailed: the start was refused.
        """
        pause = FIRST_PAUSE_SECONDS
        self._last_heard = _now()
        while True:
            before = self._last_heard
            end = await self._once()
            if end is not None:
                return end
            pause = FIRST_PAUSE_SECONDS if self._last_heard > before else min(pause * 2, LONGEST_PAUSE_SECONDS)
            if _now() - self._last_heard > self.patience_seconds:
                raise NotReachable(self.base_url)
            await asyncio.sleep(pause)

    async def _once(self) -> TerminalEvent | None:
        headers = {"Authorization": f"Bearer {self.api_key.get_secret_value()}"}
        url = f"{self.base_url.replace('http', 'ws', 1)}/ws/agents/{self.agent_id}"
        try:
            async with connect(url, additional_headers=headers, max_size=LARGEST_MESSAGE, proxy=None) as socket:
                self._opened = True
                return await self._converse(socket)
        except ConnectionClosed as error:
            self._explain(error)
        except (OSError, InvalidHandshake, TimeoutError) as error:
            if not self._opened:
                raise NotReachable(self.base_url) from error
        return None

    def _explain(self, error: ConnectionClosed) -> None:
        code = None if error.rcvd is None else error.rcvd.code
        if code == NO_USER:
            raise CommandFailed("Your API key is not accepted: see DYNAVERA_TOKEN.") from error
        if code == NO_AGENT:
            raise CommandFailed(f"There is no agent {str(self.agent_id)!r} of yours any more.") from error
        reason = error.rcvd.reason if error.rcvd is not None and code == TRY_AGAIN_LATER else ""
        self.note(f"{reason or 'The connection broke.'} Trying again …")

    async def _converse(self, socket: ClientConnection) -> TerminalEvent | None:
        if self.execution_id is None:
            await socket.send(self.start.model_dump_json())
        else:
            await self._subscribe(socket, self.execution_id)
        stopping = asyncio.create_task(self._pass_stop_on(socket))
        try:
            async for message in socket:
                self._last_heard = _now()
                end = await self._hear(socket, json.loads(message))
                if end is not None:
                    return end
        finally:
            stopping.cancel()
            await asyncio.gather(stopping, return_exceptions=True)
        return None

    async def _hear(self, socket: ClientConnection, message: dict[str, Any]) -> TerminalEvent | None:
        match message["type"]:
            case "connection":
                return None
            case "accepted":
                await self._was_accepted(socket, Accepted.model_validate(message))
                return None
            case "error":
                self._was_refused(SocketError.model_validate(message))
                return None
            case _:
                return await self._happened(socket, message)

    async def _was_accepted(self, socket: ClientConnection, accepted: Accepted) -> None:
        if self.execution_id is not None:
            return
        self.execution_id = accepted.execution_id
        self._accepted.set()
        # The first events may have come before this answer, or, if the start was sent twice, on the other socket.
        await self._subscribe(socket, accepted.execution_id)

    def _was_refused(self, refusal: SocketError) -> None:
        if self.execution_id is None:
            raise CommandFailed(refusal.message)
        self.note(refusal.message)

    async def _happened(self, socket: ClientConnection, message: dict[str, Any]) -> TerminalEvent | None:
        if self.execution_id is None or message.get("execution_id") != str(self.execution_id):
            return None
        try:
            event = execution_event.validate_python(message, strict=False)
        except ValidationError:
            # A newer service may say things that this command does not know; their place in the log counts.
            self.seen = cast("int", message["sequence"])
            return None
        if event.sequence > self.seen + 1:
            await self._subscribe(socket, self.execution_id)
        if event.sequence != self.seen + 1:
            return None
        self.seen = event.sequence
        self.show(event)
        return cast("TerminalEvent", event) if is_terminal(event) else None

    async def _subscribe(self, socket: ClientConnection, execution_id: UUID) -> None:
        request = Subscribe(action="subscribe", execution_id=execution_id, after=self.seen)
        await socket.send(request.model_dump_json(exclude_none=True))

    async def _pass_stop_on(self, socket: ClientConnection) -> None:
        await self.stop_asked.wait()
        await self._accepted.wait()
        request = StopAgent(action="stop_agent", execution_id=self.execution_id)
        await socket.send(request.model_dump_json(exclude_none=True))


def _now() -> float:
    return asyncio.get_running_loop().time()
