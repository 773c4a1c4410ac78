"""A fake of the API for the commands: it follows the contracts, and its behaviour is configured by each test."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from dynavera.contracts.agents import Agent
from dynavera.contracts.contract import utc_now
from dynavera.contracts.documents import Source
from dynavera.contracts.events import (
    DeltaContent,
    ExecutionCompleted,
    ExecutionError,
    ExecutionEvent,
    ExecutionStarted,
    ExecutionStopped,
    MessageContent,
    ProgressContent,
    StepContent,
    agent_event,
    execution_event,
)
from dynavera.contracts.executions import CompletedOutput, Execution, PartialOutput, StopReceipt, Usage
from dynavera.contracts.pages import Page
from dynavera.contracts.sockets import Accepted, Connection, SocketError
from dynavera.contracts.system import Check, Checks, Health, Problem
from dynavera.contracts.users import LoginLink, NewUser, User
from dynavera.identifiers import new_id

KEY = "dyn_of-the-first-user"
ANSWER = "Light is absorbed by blood [1]."
SOURCE = Source(
    n=1,
    document_id=new_id(),
    document="fnirs.md",
    passage_id=new_id(),
    text="Light is absorbed\nby blood.",
    score=0.5,
    sha256="0" * 64,
)
OK_CHECK = Check(status="ok", detail="ok")


def create_agent(name: str) -> Agent:
    now = utc_now()
    return Agent(id=new_id(), name=name, status="idle", created_at=now, updated_at=now)


@dataclass
class FakeApi:
    """An instance with one user and one execution."""

    agents: list[Agent] = field(default_factory=lambda: [create_agent("Research assistant")])
    executions: list[Execution] = field(default_factory=list[Execution])
    users: list[User] = field(default_factory=list[User])
    outcome: str = "completed"
    close_after_event: int | None = None
    """The first socket is closed after this event."""
    close_code_on_connect: int | None = None
    """The first socket is closed with this code before any message."""
    close_reason: str = ""
    waits_for_stop: bool = False
    starts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    subscriptions: list[int] = field(default_factory=list[int])
    execution_id: UUID = field(default_factory=new_id)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    log_sent: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/health", self._health),
                Route("/api/me", self._me),
                Route("/api/system", self._me),
                Route("/api/agents", self._agents),
                Route("/api/executions", self._executions),
                Route("/api/executions/{id}", self._execution),
                Route("/api/executions/{id}/stop", self._stop, methods=["POST"]),
                Route("/api/login/link", self._link, methods=["POST"]),
                Route("/api/users", self._users),
                Route("/api/users", self._add_user, methods=["POST"]),
                WebSocketRoute("/ws/agents/{id}", self._socket),
            ]
        )

    def log(self) -> list[ExecutionEvent]:
        """The whole log of the execution."""
        agent_id = self.agents[0].id

        def envelope(sequence: int) -> dict[str, Any]:
            return {
                "execution_id": self.execution_id,
                "agent_id": agent_id,
                "sequence": sequence,
                "timestamp": utc_now(),
            }

        return [
            ExecutionStarted(input_data={"query": "What is fNIRS?"}, **envelope(1)),
            agent_event(ProgressContent(stage="retrieving", message="Looking for passages."), **envelope(2)),
            agent_event(StepContent(step="retrieve", message="1 passage found."), **envelope(3)),
            agent_event(DeltaContent(offset=0, text=ANSWER), **envelope(4)),
            agent_event(MessageContent(text=ANSWER), **envelope(5)),
            self._terminal(envelope(6)),
        ]

    def _terminal(self, envelope: dict[str, Any]) -> ExecutionEvent:
        partial = PartialOutput(answer=ANSWER[:5], sources=[], partial=True)
        match self.outcome:
            case "completed":
                output = CompletedOutput(
                    answer=ANSWER,
                    sources=[SOURCE],
                    generator="extractive",
                    usage=Usage(prompt_tokens=1, completion_tokens=7),
                )
                return ExecutionCompleted(output_data=output, **envelope)
            case "failed":
                return ExecutionError(message="No model.", code="no_model", output_data=partial, **envelope)
            case _:
                receipt = StopReceipt(requested_at=utc_now(), acknowledged_at=None, characters=5)
                return ExecutionStopped(message="Stopped.", output_data=partial, stop=receipt, **envelope)

    def execution(self, status: str = "completed", query: str = "What is fNIRS?") -> Execution:
        return Execution.model_validate(
            {
                "id": self.execution_id,
                "agent_id": self.agents[0].id,
                "status": status,
                "stage": None,
                "input_data": {"query": query},
                "output_data": None,
                "error_message": None,
                "retry_of": None,
                "created_at": utc_now(),
                "started_at": None,
                "completed_at": None,
                "temporal_url": None,
            }
        )

    async def _health(self, _request: Request) -> Response:
        checks = Checks(database=OK_CHECK, temporal=OK_CHECK, worker=OK_CHECK, mcp=OK_CHECK)
        return _json(Health(status="ok", checks=checks))

    async def _agents(self, request: Request) -> Response:
        return _page(request, self.agents) if _is_authorized(request) else _problem(401, "Send an API key.")

    async def _me(self, request: Request) -> Response:
        return JSONResponse({}) if _is_authorized(request) else _problem(401, "Send an API key.")

    async def _executions(self, request: Request) -> Response:
        status = request.query_params.get("status")
        return _page(request, [row for row in self.executions if status in (None, row.status)])

    async def _execution(self, _request: Request) -> Response:
        return _json(self.execution())

    async def _stop(self, request: Request) -> Response:
        if request.path_params["id"] != str(self.execution_id):
            return _problem(404, f"There is no execution {request.path_params['id']!r}.")
        return _json(self.execution("running"), 202)

    async def _link(self, request: Request) -> Response:
        if not _is_authorized(request):
            return _problem(401, "Send an API key.")
        return _json(LoginLink(url="http://127.0.0.1/login?code=in_x", expires_at=utc_now()))

    async def _users(self, request: Request) -> Response:
        return _page(request, self.users)

    async def _add_user(self, request: Request) -> Response:
        name = (await request.json())["name"]
        if any(user.name == name for user in self.users):
            return _problem(409, f"A user named {name!r} already exists.")
        user = NewUser(id=new_id(), name=name, owner=False, active=True, created_at=utc_now(), api_key="dyn_new")
        self.users.append(user)
        return _json(user, 201)

    async def _socket(self, socket: WebSocket) -> None:
        await socket.accept()
        if socket.headers.get("authorization") != f"Bearer {KEY}":
            await socket.close(4401)
            return
        if self.close_code_on_connect is not None:
            code, self.close_code_on_connect = self.close_code_on_connect, None
            await socket.close(code, self.close_reason)
            return
        agent_id = UUID(socket.path_params["id"])
        await socket.send_text(Connection(agent_id=agent_id, message="Connected.").model_dump_json())
        try:
            while True:
                await self._handle_action(socket, await socket.receive_json())
        except WebSocketDisconnect:
            return

    async def _handle_action(self, socket: WebSocket, action: dict[str, Any]) -> None:
        match action["action"]:
            case "start_agent" if self.outcome == "refused":
                error = SocketError(message="Temporal is unavailable.", code="temporal_away", action="start_agent")
                await socket.send_text(error.model_dump_json())
            case "start_agent":
                self.starts.append(action)
                accepted = Accepted(action="start_agent", request_id=None, execution_id=self.execution_id)
                await socket.send_text(accepted.model_dump_json())
            case "subscribe":
                self.subscriptions.append(action["after"])
                await self._send_events(socket, action["after"])
            case _:
                self.stopped.set()
                await socket.send_text(execution_event.dump_json(self.log()[-1]).decode())

    async def _send_events(self, socket: WebSocket, after: int) -> None:
        for event in self.log()[after:]:
            if self.waits_for_stop and event.sequence == len(self.log()):
                self.log_sent.set()
                return
            await socket.send_text(execution_event.dump_json(event).decode())
            if event.sequence == self.close_after_event:
                self.close_after_event = None
                await socket.close(1011)
                raise WebSocketDisconnect(1011)


def _is_authorized(request: Request) -> bool:
    return request.headers.get("authorization") == f"Bearer {KEY}"


def _json(model: Any, status: int = 200) -> Response:
    return Response(model.model_dump_json(), status, media_type="application/json")


def _page(request: Request, items: list[Any]) -> Response:
    first = int(request.query_params.get("cursor", "0"))
    last = first + int(request.query_params["limit"])
    cursor = str(last) if last < len(items) else None
    return _json(Page[Any](items=items[first:last], next_cursor=cursor))


def _problem(status: int, detail: str) -> Response:
    problem = Problem(title="Refused", status=status, detail=detail, code="refused")
    return JSONResponse(problem.model_dump(mode="json"), status, media_type="application/problem+json")
