"""The client of the MCP service's plain HTTP routes, on behalf of one user."""

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import ClassVar, Literal, TypeVar

import httpx
from fastapi import Response
from pydantic import SecretStr, TypeAdapter, ValidationError

from api.limits import McpLimits
from dynavera.contracts.documents import Document, Passage, Source
from dynavera.contracts.executions import PinnedSource
from dynavera.contracts.mcp import USER_HEADER
from dynavera.contracts.pages import Page
from dynavera.contracts.system import Generators, McpHealth, Problem
from dynavera.contracts.users import User
from dynavera.settings import Settings
from dynavera.web.errors import GeneratorUnavailable, Refused, UnknownGenerator
from dynavera.web.problems import ErrorResponse

_FORWARDED_HEADERS = ("content-type", "retry-after")
_JSON_TYPES = ("application/json", "application/problem+json")
_UNAVAILABLE = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_document = TypeAdapter(Document)
_generators = TypeAdapter(Generators)
_health = TypeAdapter(McpHealth)
_passages = TypeAdapter(Page[Passage])

Body = TypeVar("Body")


class McpAway(Refused):
    """The MCP service cannot be used now; a retry may help."""

    code: ClassVar[str] = "mcp_away"
    status: ClassVar[int] = 503
    retry_after_seconds = 2


class McpBusy(McpAway):
    """Too many calls to the MCP service are in progress."""

    code: ClassVar[str] = "mcp_busy"


class McpError(McpAway):
    """The MCP service answered with an error of its own, which is passed on."""

    def __init__(self, answer: ErrorResponse) -> None:
        super().__init__(answer.detail)
        self._answer = answer

    @property
    def answer(self) -> ErrorResponse:
        """How it is answered."""
        return self._answer


@dataclass(frozen=True)
class Call:
    """A call to the MCP service."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    content: bytes | AsyncIterable[bytes] | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def is_upload(self) -> bool:
        """Whether its content is streamed from a client."""
        return isinstance(self.content, AsyncIterable)


class ConnectionPools(httpx.AsyncBaseTransport):
    """Separate connection pools for uploads and other calls; a request's extension `upload` selects the pool."""

    def __init__(self, limits: McpLimits) -> None:
        self._calls = _connections(limits.calls)
        self._uploads = _connections(limits.uploads)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request with its pool."""
        pool = self._uploads if request.extensions.get("upload") else self._calls
        return await pool.handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._calls.aclose()
        await self._uploads.aclose()


def mcp_client(settings: Settings, token: SecretStr, limits: McpLimits) -> httpx.AsyncClient:
    """A client with the service token; the caller closes it."""
    return httpx.AsyncClient(
        base_url=settings.mcp_base_url,
        headers={"Authorization": f"Bearer {token.get_secret_value()}"},
        timeout=httpx.Timeout(
            limits.read_timeout.total_seconds(),
            connect=limits.connect_timeout.total_seconds(),
            pool=limits.pool_timeout.total_seconds(),
        ),
        transport=ConnectionPools(limits),
    )


@dataclass(frozen=True)
class Knowledge:
    """The knowledge base behind the MCP service."""

    client: httpx.AsyncClient
    limits: McpLimits = field(default_factory=McpLimits)

    async def forward(self, user: User, call: Call) -> Response:
        """The service's response to `call` by `user`, unchanged.

        Raises:
            McpAway: the service does not answer, or it is not an MCP service.
        """
        answer = await self._answer(user, call)
        headers = {name: answer.headers[name] for name in _FORWARDED_HEADERS if name in answer.headers}
        return Response(answer.content, answer.status_code, headers)

    async def pinned_source(self, user: User, source: Source) -> PinnedSource:
        """`source` with the current state of its document.

        Raises:
            McpAway: the service cannot say.
        """
        answer = await self._answer(user, Call("GET", f"/documents/{source.document_id}"))
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return PinnedSource(source=source, document=None, passage=None, state="gone")
        document = _parsed(answer, _document)
        passage = await self._passage(user, source)
        return PinnedSource(
            source=source, document=document, passage=passage, state="changed" if passage is None else "unchanged"
        )

    async def health(self) -> McpHealth:
        """The health of the service, its generator and its embedder.

        Raises:
            McpAway: it does not answer.
        """
        try:
            answer = await self.client.get("/health", timeout=self.limits.health_timeout.total_seconds())
        except httpx.TransportError as error:
            raise _away() from error
        return _parsed(answer, _health)

    async def generators(self, user: User) -> Generators:
        """The generators that an agent may use now, and the model files that cannot be used.

        Raises:
            McpAway: the service cannot say.
        """
        return _parsed(await self._answer(user, Call("GET", "/generators")), _generators)

    async def check_generator(self, user: User, name: str) -> None:
        """Check that an agent may use this generator, if the service answers.

        Raises:
            UnknownGenerator: no generator has this name.
            GeneratorUnavailable: it cannot be used, or is not offered to agents.
        """
        try:
            answer = await self._answer(user, Call("GET", "/generators/check", {"name": name}))
        except McpAway:
            # Agents can be created while the service is away: their executions report a wrong name.
            return
        problem = _problem(answer)
        if problem is not None and answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
            refusal = UnknownGenerator if problem.code == "unknown_generator" else GeneratorUnavailable
            raise refusal(problem.detail)

    async def _passage(self, user: User, source: Source) -> Passage | None:
        """The document's passage that still has the source's text."""
        call = Call("GET", f"/documents/{source.document_id}/passages", {"sha256": source.sha256})
        answer = await self._answer(user, call)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        found = _parsed(answer, _passages)
        return next((passage for passage in found.items if passage.sha256 == source.sha256), None)

    async def _answer(self, user: User, call: Call) -> httpx.Response:
        try:
            answer = await self.client.request(
                call.method,
                call.path,
                params=call.params,
                content=call.content,
                headers={**call.headers, USER_HEADER: str(user.id)},
                extensions={"upload": call.is_upload},
            )
        except httpx.PoolTimeout as error:
            kind = "uploads" if call.is_upload else "calls to the MCP service"
            raise McpBusy(f"Too many {kind} are in progress. Try again in a moment.") from error
        except httpx.TransportError as error:
            raise _away() from error
        if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise McpAway("The MCP service refuses the API's token. Set the same DYNAVERA_MCP_TOKEN for both.")
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        if answer.status_code != HTTPStatus.NO_CONTENT and media_type not in _JSON_TYPES:
            raise _unexpected(answer)
        return answer


def _connections(most: int) -> httpx.AsyncHTTPTransport:
    return httpx.AsyncHTTPTransport(trust_env=False, limits=httpx.Limits(max_connections=most))


def _parsed(answer: httpx.Response, kind: TypeAdapter[Body]) -> Body:
    """The parsed body of a successful response."""
    if not answer.is_success:
        raise _refusal(answer)
    try:
        return kind.validate_json(answer.content)
    except ValidationError as error:
        raise _not_dynavera() from error


def _refusal(answer: httpx.Response) -> McpAway:
    problem = _problem(answer)
    if problem is None or not answer.is_server_error:
        return _unexpected(answer)
    wait = answer.headers.get("retry-after", "")
    seconds = int(wait) if wait.isdecimal() else None
    return McpError(ErrorResponse(answer.status_code, problem.code, problem.detail, seconds))


def _problem(answer: httpx.Response) -> Problem | None:
    try:
        return Problem.model_validate_json(answer.content)
    except ValidationError:
        return None


def _unexpected(answer: httpx.Response) -> McpAway:
    # A proxy in front of the service answers with errors of its own.
    return _away() if answer.status_code in _UNAVAILABLE else _not_dynavera()


def _away() -> McpAway:
    return McpAway("The MCP service does not answer now. Try again in a moment.")


def _not_dynavera() -> McpAway:
    return McpAway("DYNAVERA_MCP_URL is not the address of a Dynavera MCP service of a compatible version.")
