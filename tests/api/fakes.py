"""A fake of the MCP service behind the REST routes."""

import json
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dynavera.contracts.mcp import USER_HEADER


@dataclass(frozen=True)
class Received:
    """A recorded call."""

    method: str
    path: str
    query: dict[str, str]
    user: str
    authorization: str
    body: bytes
    content_type: str


@dataclass
class FakeMcp:
    """The plain routes of an MCP service: records calls and gives the answers that are set."""

    answers: dict[tuple[str, str], Response] = field(default_factory=dict[tuple[str, str], Response])
    received: list[Received] = field(default_factory=list[Received])
    begun: int = 0
    """Calls whose headers have arrived."""

    def app(self) -> Starlette:
        methods = ["GET", "POST", "DELETE"]
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    def answer(self, method: str, path: str, body: Any, status: int = 200, **headers: str) -> None:
        """Set the answer to this call."""
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
