"""One open WebSocket: the events of an agent's executions, and the actions of its client."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json

from api.authentication import until_session_ends
from api.dependencies import Services
from api.errors import ERRORS
from api.live.log import CursorAhead
from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import Preview
from dynavera.contracts.executions import ExecutionStart
from dynavera.contracts.sockets import (
    Accepted,
    ClientAction,
    Connection,
    Key,
    SocketError,
    StartAgent,
    StopAgent,
    Subscribe,
    client_action,
)
from dynavera.contracts.users import User
from dynavera.records.database import DatabaseAway
from dynavera.web.problems import error_summary, field_errors

ACTIONS = ("start_agent", "stop_agent", "subscribe")

_request_id: TypeAdapter[str | None] = TypeAdapter(Key | None)


class ReaderTooSlow(Exception):
    """The client does not read its messages."""


@dataclass
class AgentSocket:
    """Serves one client. Each execution has a task that sends its events; it waits for the client, without a queue."""

    websocket: WebSocket
    user: User
    agent_id: UUID
    services: Services
    wants_previews: bool = False
    _opened_at: datetime = field(default_factory=utc_now)
    _sending: asyncio.Lock = field(default_factory=asyncio.Lock)
    _seen: set[UUID] = field(default_factory=set[UUID])
    _positions: dict[UUID, int] = field(default_factory=dict[UUID, int])
    _shown: dict[UUID, asyncio.Task[None]] = field(default_factory=dict[UUID, "asyncio.Task[None]"])
    _actions: asyncio.Queue[ClientAction] = field(default_factory=asyncio.Queue["ClientAction"])
    _action_slots: asyncio.Semaphore = field(init=False)
    _tasks: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)

    def __post_init__(self) -> None:
        self._action_slots = asyncio.Semaphore(self.services.limits.socket_actions)

    async def prepare(self) -> None:
        """Read the current positions of the agent's executions. Later executions are shown from event 1.

        Call this before the upgrade is answered: from then on the client may start executions.

        Raises:
            DatabaseAway: the database cannot be used now.
        """
        self._seen.update(await self.services.new_executions.recent(self.agent_id))
        self._positions = await self.services.executions.log.last_sequences(list(self._seen))

    async def serve(self) -> None:
        """Serve until the client disconnects.

        Raises:
            ReaderTooSlow: the client does not read.
            Unauthenticated: its session has ended.
            AgentNotFound: the agent was deleted.
            LogUnreadable: the log of one of its executions is damaged.
            DatabaseAway: the database cannot be used now.
        """
        try:
            async with self._tasks:
                await self._send(Connection(agent_id=self.agent_id, message="Connected."))
                for execution_id, position in self._positions.items():
                    self._show(execution_id, position)
                for work in (
                    self._show_new_executions,
                    self._until_session_ends,
                    self._until_agent_deleted,
                    self._listen,
                    self._work,
                ):
                    self._tasks.create_task(work())
        except ExceptionGroup as failures:
            # Callers handle single errors, and one failure cancels the other tasks.
            first = _first(failures)
            if not isinstance(first, WebSocketDisconnect):
                raise first from None

    async def _listen(self) -> None:
        while True:
            message = await self.websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            text = message.get("text")
            if text is None:
                await self._send(SocketError(message="Send JSON in text frames.", code="not_text"))
                continue
            try:
                action = client_action.validate_json(text)
            except ValidationError as error:
                await self._send(_parse_error(text, error))
            else:
                # In another task, so that this one keeps receiving: it notices a disconnect, and pings are answered.
                await self._action_slots.acquire()
                self._actions.put_nowait(action)

    async def _work(self) -> None:
        """Run the client's actions in order; consecutive starts run concurrently."""
        while True:
            action = await self._actions.get()
            async with asyncio.TaskGroup() as starts:
                while isinstance(action, StartAgent):
                    starts.create_task(self._act(action))
                    action = await self._actions.get()
            await self._act(action)

    async def _act(self, action: ClientAction) -> None:
        try:
            match action:
                case StartAgent():
                    await self._start(action)
                case StopAgent():
                    await self._stop(action)
                case Subscribe():
                    await self._subscribe(action)
        except ERRORS.expected as error:
            await self._refuse(action, error)
        finally:
            self._action_slots.release()

    async def _start(self, action: StartAgent) -> None:
        start = ExecutionStart(input_data=action.input_data)
        execution = await self.services.executions.start(self.user, self.agent_id, start, action.idempotency_key)
        await self._accept(action, execution.id)
        if execution.id not in self._seen and execution.created_at >= self._opened_at:
            self._seen.add(execution.id)
            self._show(execution.id, 0, is_new=True)
        self.services.new_executions.check_now()

    async def _stop(self, action: StopAgent) -> None:
        execution_id = action.execution_id or await self._newest_live(action)
        if execution_id is None:
            return
        await self.services.executions.require_of_agent(self.user, self.agent_id, execution_id)
        await self.services.executions.stop(self.user, execution_id)
        await self._accept(action, execution_id)

    async def _subscribe(self, action: Subscribe) -> None:
        await self.services.executions.require_of_agent(self.user, self.agent_id, action.execution_id)
        await self.services.executions.check_cursor(self.user, action.execution_id, action.after)
        self._seen.add(action.execution_id)
        earlier = self._shown.pop(action.execution_id, None)
        if earlier is not None:
            earlier.cancel()
            await asyncio.wait({earlier})
        await self._accept(action, action.execution_id)
        self._show(action.execution_id, action.after)

    async def _newest_live(self, action: StopAgent) -> UUID | None:
        newest = await self.services.executions.records.newest_live(self.user.id, self.agent_id)
        if newest is None:
            message = "No execution of this agent is queued or running: there is nothing to stop."
            await self._send(_error(action, message, "nothing_to_stop"))
            return None
        return newest.id

    def _show(self, execution_id: UUID, after: int, *, is_new: bool = False) -> None:
        self._shown[execution_id] = self._tasks.create_task(self._follow(execution_id, after, is_new=is_new))

    async def _follow(self, execution_id: UUID, after: int, *, is_new: bool) -> None:
        previewing = self._tasks.create_task(self._preview(execution_id)) if self.wants_previews else None
        try:
            async for entry in self.services.relay.follow(execution_id, after, is_new=is_new):
                await self._send_text(entry.json)
        except CursorAhead as error:
            await self._send(SocketError(message=str(error), code="cursor_ahead", action="subscribe"))
        finally:
            if previewing is not None:
                previewing.cancel()

    async def _preview(self, execution_id: UUID) -> None:
        async for one in self.services.previews.watch(execution_id):
            await self._send(
                Preview(execution_id=execution_id, agent_id=self.agent_id, offset=one.offset, text=one.text)
            )

    async def _show_new_executions(self) -> None:
        async for execution_id in self.services.new_executions.watch(self.agent_id, self._seen):
            self._show(execution_id, 0, is_new=True)

    async def _until_session_ends(self) -> None:
        await until_session_ends(self.websocket, self.services)

    async def _until_agent_deleted(self) -> None:
        while True:
            await asyncio.sleep(self.services.limits.session_check_interval.total_seconds())
            with suppress(DatabaseAway):
                await self.services.agents.get(self.user.id, self.agent_id)

    async def _accept(self, action: ClientAction, execution_id: UUID) -> None:
        await self._send(Accepted(action=action.action, request_id=action.request_id, execution_id=execution_id))

    async def _refuse(self, action: ClientAction, error: Exception) -> None:
        answer = ERRORS.answer(error)
        await self._send(_error(action, answer.detail, answer.code))

    async def _send(self, message: BaseModel) -> None:
        await self._send_text(message.model_dump_json())

    async def _send_text(self, text: str) -> None:
        try:
            async with asyncio.timeout(self.services.limits.reader_timeout.total_seconds()), self._sending:
                await self.websocket.send_text(text)
        except TimeoutError as error:
            raise ReaderTooSlow from error


def _first(failures: BaseException) -> BaseException:
    """The first failure in nested exception groups."""
    inner = cast("tuple[BaseException, ...]", getattr(failures, "exceptions", ()))
    return _first(inner[0]) if inner else failures


def _error(action: ClientAction, message: str, code: str) -> SocketError:
    return SocketError(message=message, code=code, action=action.action, request_id=action.request_id)


def _parse_error(text: str, error: ValidationError) -> SocketError:
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        return SocketError(message=f"This is not JSON: {first['msg']}.", code="invalid_json")
    action, request_id = _action_and_request(from_json(text))
    if action is None:
        message = 'Send an object with "action": "start_agent", "stop_agent" or "subscribe".'
        return SocketError(message=message, code="unknown_action", request_id=request_id)
    message = error_summary(field_errors([first]))
    return SocketError(message=message, code="invalid_request", action=action, request_id=request_id)


def _action_and_request(message: Any) -> tuple[str | None, str | None]:
    """The action and request id of an invalid message, if those are valid; other values are not sent back."""
    fields = cast("dict[str, Any]", message) if isinstance(message, dict) else {}
    action, request_id = fields.get("action"), fields.get("request_id")
    try:
        request_id = _request_id.validate_python(request_id)
    except ValidationError:
        request_id = None
    return action if action in ACTIONS else None, request_id
