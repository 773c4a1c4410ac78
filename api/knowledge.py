"""The MCP service as the API sees it: plain HTTP, on behalf of one user."""

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
from dynavera.web.problems import Answer

_PASSED_ON_HEADERS = ("content-type", "retry-after")
_JSON_TYPES = ("application/json", "application/problem+json")
_UNAVAILABLE = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_document = TypeAdapter(Document)
_generators = TypeAdapter(Generators)
_health = TypeAdapter(McpHealth)
_passages = TypeAdapter(Page[Passage])

Said = TypeVar("Said")


class McpAway(Refused):
    """The MCP service cannot be used now; trying again later may work."""

    code: ClassVar[str] = "mcp_away"
    status: ClassVar[int] = 503
    retry_after_seconds = 2


class McpBusy(McpAway):
    """As many calls to the MCP service are under way as may be."""

    code: ClassVar[str] = "mcp_busy"


class McpCannot(McpAway):
    """The MCP service says that it cannot do it now; the answer is its own."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.detail)
        self._answer = answer

    @property
    def answer(self) -> Answer:
        """How it is answered."""
        return self._answer


@dataclass(frozen=True)
class Call:
    """A call that is passed on to the MCP service."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    content: bytes | AsyncIterable[bytes] | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def uploads(self) -> bool:
        """Whether its content comes from somebody else, as slowly as they send it."""
        return isinstance(self.content, AsyncIterable)


class Lanes(httpx.AsyncBaseTransport):
    """Connections for uploads, and connections for all else; a request's extension `upload` says which it takes."""

    def __init__(self, limits: McpLimits) -> None:
        self._calls = _connections(limits.calls)
        self._uploads = _connections(limits.uploads)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it on its lane."""
        lane = self._uploads if request.extensions.get("upload") else self._calls
        return await lane.handle_async_request(request)

    async def aclose(self) -> None:
        """Close them all."""
        await self._calls.aclose()
        await self._uploads.aclose()


def mcp_client(settings: Settings, token: SecretStr, limits: McpLimits) -> httpx.AsyncClient:
    """A client that shows the service token; close it at the end."""
    return httpx.AsyncClient(
        base_url=settings.mcp_base_url,
        headers={"Authorization": f"Bearer {token.get_secret_value()}"},
        timeout=httpx.Timeout(
            limits.read_timeout.total_seconds(),
            connect=limits.connect_timeout.total_seconds(),
            pool=limits.pool_timeout.total_seconds(),
        ),
        transport=Lanes(limits),
    )


@dataclass(frozen=True)
class Knowledge:
    """The knowledge base behind the MCP service."""

    client: httpx.AsyncClient
    limits: McpLimits = field(default_factory=McpLimits)

    async def pass_on(self, user: User, call: Call) -> Response:
        """What the service answers to `call` by `user`, unchanged.

        Raises:
            McpAway: the service does not answer, or something else does.
        """
        answer = await self._answer(user, call)
        headers = {name: answer.headers[name] for name in _PASSED_ON_HEADERS if name in answer.headers}
        return Response(answer.content, answer.status_code, headers)

    async def pinned(self, user: User, source: Source) -> PinnedSource:
        """`source` and what has become of its document.

        Raises:
            McpAway: the service cannot say.
        """
        answer = await self._answer(user, Call("GET", f"/documents/{source.document_id}"))
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return PinnedSource(source=source, document=None, passage=None, state="gone")
        document = _said(answer, _document)
        passage = await self._passage(user, source)
        return PinnedSource(
            source=source, document=document, passage=passage, state="changed" if passage is None else "unchanged"
        )

    async def health(self) -> McpHealth:
        """How the service is, and what it works with.

        Raises:
            McpAway: it does not answer.
        """
        try:
            answer = await self.client.get("/health", timeout=self.limits.health_timeout.total_seconds())
        except httpx.TransportError as error:
            raise _away() from error
        return _said(answer, _health)

    async def generators(self, user: User) -> Generators:
        """The generators that an agent may name and that can be used now, and the model files that cannot.

        Raises:
            McpAway: the service cannot say.
        """
        return _said(await self._answer(user, Call("GET", "/generators")), _generators)

    async def check_generator(self, user: User, name: str) -> None:
        """Make sure that an agent may name this generator, as far as that can be told now.

        Raises:
            UnknownGenerator: there is none of this name.
            GeneratorUnavailable: it cannot be used, or may not be chosen.
        """
        try:
            answer = await self._answer(user, Call("GET", "/generators/check", {"name": name}))
        except McpAway:
            # An agent can be made while no service of ours answers: its executions say the same, should it be needed.
            return
        problem = _problem(answer)
        if problem is not None and answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
            refusal = UnknownGenerator if problem.code == "unknown_generator" else GeneratorUnavailable
            raise refusal(problem.detail)

    async def _passage(self, user: User, source: Source) -> Passage | None:
        """The passage of the document that has the source's text now."""
        call = Call("GET", f"/documents/{source.document_id}/passages", {"sha256": source.sha256})
        answer = await self._answer(user, call)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        found = _said(answer, _passages)
        return next((passage for passage in found.items if passage.sha256 == source.sha256), None)

    async def _answer(self, user: User, call: Call) -> httpx.Response:
        try:
            answer = await self.client.request(
                call.method,
                call.path,
                params=call.params,
                content=call.content,
                headers={**call.headers, USER_HEADER: str(user.id)},
                extensions={"upload": call.uploads},
            )
        except httpx.PoolTimeout as error:
            under_way = "uploads" if call.uploads else "calls to the MCP service"
            raise McpBusy(f"Too many {under_way} are under way. Try again in a moment.") from error
        except httpx.TransportError as error:
            raise _away() from error
        if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise McpAway("The MCP service refuses this API's token. Give both the same DYNAVERA_MCP_TOKEN.")
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        if answer.status_code != HTTPStatus.NO_CONTENT and media_type not in _JSON_TYPES:
            raise _unclear(answer)
        return answer


def _connections(most: int) -> httpx.AsyncHTTPTransport:
    return httpx.AsyncHTTPTransport(trust_env=False, limits=httpx.Limits(max_connections=most))


def _said(answer: httpx.Response, kind: TypeAdapter[Said]) -> Said:
    """What `answer` says, if the service has done what it was asked."""
    if not answer.is_success:
        raise _refusal(answer)
    try:
        return kind.validate_json(answer.content)
    except ValidationError as error:
        raise _strange() from error


def _refusal(answer: httpx.Response) -> McpAway:
    problem = _problem(answer)
    if problem is None or not answer.is_server_error:
        return _unclear(answer)
    wait = answer.headers.get("retry-after", "")
    seconds = int(wait) if wait.isdecimal() else None
    return McpCannot(Answer(answer.status_code, problem.code, problem.detail, seconds))


def _problem(answer: httpx.Response) -> Problem | None:
    try:
        return Problem.model_validate_json(answer.content)
    except ValidationError:
        return None


def _unclear(answer: httpx.Response) -> McpAway:
    # A proxy in front of the service says so in words of its own.
    return _away() if answer.status_code in _UNAVAILABLE else _strange()


def _away() -> McpAway:
    return McpAway("The MCP service does not answer now. Try again in a moment.")


def _strange() -> McpAway:
    return McpAway("What answers at DYNAVERA_MCP_URL is not a Dynavera MCP service that this API understands.")
