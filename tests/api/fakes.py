"""What stands in for Temporal and for the MCP service behind the REST routes."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dynavera.contracts.agents import AgentSettings
from dynavera.contracts.contract import utc_now
from dynavera.contracts.documents import Source
from dynavera.contracts.events import EventPage, ExecutionEvent, ExecutionStarted
from dynavera.contracts.executions import LIVE, Execution, ExecutionCounts, ExecutionStart
from dynavera.contracts.mcp import USER_HEADER
from dynavera.contracts.pages import Page
from dynavera.contracts.system import Check, Checks, Health
from dynavera.contracts.users import User
from dynavera.identifiers import new_id
from dynavera.records.agents import Agents
from dynavera.records.cursors import cursor_id, cursor_of
from dynavera.records.executions import (
    ExecutionQuery,
    ExecutionStillRuns,
    IdempotencyConflict,
    Stop,
)
from dynavera.records.logs import ExecutionNotFound

OK = Check(status="ok", detail="ok")
AWAY = Check(status="away", detail="away")


@dataclass
class FakeExecutions:
    """The door to the executions, in memory: they stay queued until a test ends them."""

    agents: Agents
    rows: dict[UUID, Execution] = field(default_factory=dict[UUID, Execution])
    owners: dict[UUID, UUID] = field(default_factory=dict[UUID, UUID])
    snapshots: dict[UUID, AgentSettings] = field(default_factory=dict[UUID, AgentSettings])
    keys: dict[tuple[UUID, str], tuple[UUID, ExecutionStart]] = field(
        default_factory=dict[tuple[UUID, str], tuple[UUID, ExecutionStart]]
    )
    sources: dict[int, Source] = field(default_factory=dict[int, Source])
    queries: list[ExecutionQuery] = field(default_factory=list[ExecutionQuery])
    fails_with: Exception | None = None

    async def start(self, user: User, agent_id: UUID, start: ExecutionStart, idempotency_key: str | None) -> Execution:
        agent = await self.agents.get(user.id, agent_id)
        if idempotency_key is not None and (user.id, idempotency_key) in self.keys:
            execution_id, earlier = self.keys[user.id, idempotency_key]
            if earlier != start:
                raise IdempotencyConflict("The idempotency key was used for another request.")
            return self.rows[execution_id]
        execution = _queued(agent_id, start.input_data)
        self.rows[execution.id] = execution
        self.owners[execution.id] = user.id
        self.snapshots[execution.id] = AgentSettings(**agent.model_dump(include=set(AgentSettings.model_fields)))
        if idempotency_key is not None:
            self.keys[user.id, idempotency_key] = (execution.id, start)
        return execution

    async def stop(self, user: User, execution_id: UUID) -> Stop:
        execution = await self.get(user, execution_id)
        if execution.status not in LIVE:
            return Stop(execution, ended_before=True)
        self.end(execution_id)
        return Stop(self.rows[execution_id], ended_before=False)

    async def retry(self, user: User, execution_id: UUID) -> Execution:
        execution = await self.get(user, execution_id)
        if execution.status in LIVE:
            raise ExecutionStillRuns("The execution has not ended yet.")
        again = await self.start(user, execution.agent_id, ExecutionStart(input_data=execution.input_data), None)
        self.rows[again.id] = again.model_copy(update={"retry_of": execution_id})
        return self.rows[again.id]

    async def get(self, user: User, execution_id: UUID) -> Execution:
        if self.fails_with is not None:
            raise self.fails_with
        if self.owners.get(execution_id) != user.id:
            raise ExecutionNotFound(f"There is no execution {str(execution_id)!r}.")
        return self.rows[execution_id]

    async def settings(self, user: User, execution_id: UUID) -> AgentSettings:
        return self.snapshots[(await self.get(user, execution_id)).id]

    async def page(self, user: User, query: ExecutionQuery) -> Page[Execution]:
        self.queries.append(query)
        if query.agent_id is not None:
            await self.agents.get(user.id, query.agent_id)
        mine = sorted((row for row in self.rows.values() if self.owners[row.id] == user.id), key=lambda row: row.id)
        fitting = [
            row
            for row in reversed(mine)
            if query.agent_id in (None, row.agent_id)
            and query.status in (None, row.status)
            and (query.cursor is None or row.id < cursor_id(query.cursor))
        ]
        items = fitting[: query.limit]
        return Page(items=items, next_cursor=cursor_of(items[-1].id) if len(fitting) > query.limit else None)

    async def counts(self, user: User, query: ExecutionQuery) -> ExecutionCounts:
        rows = (await self.page(user, replace(query, limit=len(self.rows) + 1))).items
        return ExecutionCounts.model_validate(Counter(row.status for row in rows))

    async def events(self, user: User, execution_id: UUID, after: int, limit: int) -> EventPage:
        execution = await self.get(user, execution_id)
        first = ExecutionStarted(
            execution_id=execution.id,
            agent_id=execution.agent_id,
            sequence=1,
            timestamp=execution.created_at,
            input_data=execution.input_data,
        )
        log: list[ExecutionEvent] = [first]
        return EventPage(items=log[after : after + limit], next_after=None)

    async def pinned_source(self, user: User, execution_id: UUID, n: int) -> Source:
        await self.get(user, execution_id)
        if n not in self.sources:
            raise ExecutionNotFound(f"The answer has no source {n}.")
        return self.sources[n]

    async def newest_live(self, user: User, agent_id: UUID) -> Execution | None:
        mine = [row for row in self.rows.values() if row.agent_id == agent_id and self.owners[row.id] == user.id]
        return max((row for row in mine if row.status in LIVE), key=lambda row: row.id, default=None)

    async def of_agent(self, user: User, agent_id: UUID, execution_id: UUID) -> None:
        if (await self.get(user, execution_id)).agent_id != agent_id:
            raise ExecutionNotFound(f"There is no execution {str(execution_id)!r}.")

    async def check_cursor(self, user: User, execution_id: UUID, after: int) -> None:
        await self.get(user, execution_id)

    async def last_of_each(self, execution_ids: Sequence[UUID]) -> dict[UUID, int]:
        return dict.fromkeys(execution_ids, 1)

    async def count_live(self) -> dict[str, int]:
        return {status: sum(row.status == status for row in self.rows.values()) for status in LIVE}

    def end(self, execution_id: UUID) -> None:
        """The execution was stopped."""
        changes = {"status": "stopped", "completed_at": utc_now()}
        self.rows[execution_id] = self.rows[execution_id].model_copy(update=changes)


@dataclass
class FakeHealth:
    """Parts that are as the test says."""

    checks: Checks = field(default_factory=lambda: Checks(database=OK, temporal=OK, worker=OK, mcp=OK))
    version: str | None = "1.32.0"

    async def check(self) -> Health:
        parts = (self.checks.database, self.checks.temporal, self.checks.worker, self.checks.mcp)
        return Health(status="ok" if all(part == OK for part in parts) else "degraded", checks=self.checks)

    async def temporal_version(self) -> str | None:
        return self.version


@dataclass(frozen=True)
class Received:
    """A call that the MCP service got."""

    method: str
    path: str
    query: dict[str, str]
    user: str
    authorization: str
    body: bytes
    content_type: str


@dataclass
class FakeMcp:
    """The plain routes of an MCP service, as an app for `serving`: it keeps what it is asked, and answers as told."""

    answers: dict[tuple[str, str], Response] = field(default_factory=dict[tuple[str, str], Response])
    received: list[Received] = field(default_factory=list[Received])
    begun: int = 0
    """Calls whose head has come, whether or not their body has."""

    def app(self) -> Starlette:
        methods = ["GET", "POST", "DELETE"]
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    def answer(self, method: str, path: str, body: Any, status: int = 200, **headers: str) -> None:
        """Answer this call so from now on."""
        kind = "application/problem+json" if status >= 400 else "application/json"
        content = b"" if status == 204 else json.dumps(body).encode()
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[method, path] = Response(content, status, more, media_type=kind)

    async def _answer(self, request: Request) -> Response:
        self.begun += 1
        self.received.append(
            Received(
                method=request.method,
                path=request.url.path,
                query=dict(request.query_params),
                user=request.headers.get(USER_HEADER, ""),
                authorization=request.headers.get("authorization", ""),
                body=await request.body(),
                content_type=request.headers.get("content-type", ""),
            )
        )
        missing = JSONResponse({"code": "not_found"}, 404, media_type="application/problem+json")
        return self.answers.get((request.method, request.url.path), missing)


def _queued(agent_id: UUID, input_data: dict[str, Any]) -> Execution:
    return Execution(
        id=new_id(),
        agent_id=agent_id,
        status="queued",
        stage=None,
        input_data=input_data,
        output_data=None,
        error_message=None,
        retry_of=None,
        created_at=utc_now(),
        started_at=None,
        completed_at=None,
        temporal_url=None,
    )
