"""The MCP service as the activities see it; its errors are named here."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.dispatcher import ProgressFnT
from mcp_types import CallToolResult
from pydantic import BaseModel, SecretStr, ValidationError

from dynavera.contracts.mcp import USER_META, GenerateCall, Generated, GenerationStopped, Retrieved, ServiceRefusal

PROTOCOL = "2026-07-28"
"""The protocol in which closing a call's stream is its cancellation."""

CONNECT_SECONDS = 5
SHORT_CALL_SECONDS = 30
"""The longest silence of a call that does not generate."""

GENERATION_SILENCE_SECONDS = 60
"""The longest silence of a generation: the service says every ten seconds that it still runs."""

MOST_CONNECTIONS, MOST_IDLE = 1000, 20
"""Connections of a client: each call holds one from its start to its end."""

LARGEST_EVENT = 8 * 1024 * 1024
"""Bytes of one event: the largest answer, twice, and each of its characters escaped."""

REFUSED_AT_THE_DOOR = {401: "DYNAVERA_MCP_TOKEN", 403: "DYNAVERA_ALLOWED_ORIGINS", 421: "DYNAVERA_MCP_ALLOWED_HOSTS"}
"""The statuses with which the service lets nobody in, and the setting each is about."""

AnswerT = TypeVar("AnswerT", bound=BaseModel)


logger = logging.getLogger(__name__)


class McpAway(Exception):
    """The MCP service cannot be reached, broke off, or did not answer in time: trying again can help."""


class McpRefused(Exception):
    """The MCP service said no, in words."""

    def __init__(self, refusal: ServiceRefusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


@dataclass(frozen=True)
class TextPiece:
    """More of the answer: the answer so far is `answer[:offset] + text`."""

    offset: int
    text: str


@dataclass(frozen=True)
class StatusLine:
    """What people are told beside the text."""

    message: str


Told = TextPiece | StatusLine | Generated


class McpService:
    """The MCP service, asked on behalf of users; its clients stay open, and are opened again when they break.

    There is one for short calls and one for generations, so that many generations never keep a short call waiting.
    """

    def __init__(self, url: str, token: SecretStr) -> None:
        self._short = _Line(url, token, SHORT_CALL_SECONDS)
        self._long = _Line(url, token, GENERATION_SILENCE_SECONDS)

    async def __aenter__(self) -> Self:
        """Nothing is opened yet: the service may come later."""
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the clients; what still runs breaks off."""
        await self._short.close()
        await self._long.close()

    async def retrieve(self, user_id: UUID, query: str, collection: str, top_k: int) -> Retrieved:
        """The passages of the user's documents that fit a question.

        Raises:
            McpAway: the service could not be asked.
            McpRefused: it said no.
        """
        arguments = {"query": query, "collection": collection, "top_k": top_k}
        return await self._short_call(user_id, "retrieve", arguments, Retrieved)

    async def stop_generation(self, user_id: UUID, operation_id: str) -> GenerationStopped:
        """Stop a generation; answers when the generator has let go.

        Raises:
            McpAway: the service could not be asked.
            McpRefused: it said no.
        """
        return await self._short_call(user_id, "stop_generation", {"operation_id": operation_id}, GenerationStopped)

    async def generate(self, user_id: UUID, call: GenerateCall) -> AsyncGenerator[Told]:
        """The pieces of an answer in order, and the whole at the end; closing this stops the model.

        Raises:
            McpAway: the service could not be asked, or broke off.
            McpRefused: it said no.
        """
        told = _Answer(call.prefix)
        calling = asyncio.create_task(
            self._long.call(user_id, "generate", call.model_dump(mode="json"), Generated, told.heard)
        )
        calling.add_done_callback(told.ended)
        try:
            while (item := await told.next()) is not None:
                yield item
            generated = calling.result()
            missing = told.missing(generated.text)
            if missing is not None:
                yield missing
            yield generated
        finally:
            calling.cancel()
            await asyncio.wait({calling})

    async def _short_call(
        self, user_id: UUID, tool: str, arguments: Mapping[str, Any], answer: type[AnswerT]
    ) -> AnswerT:
        try:
            async with asyncio.timeout(SHORT_CALL_SECONDS):
                return await self._short.call(user_id, tool, arguments, answer)
        except TimeoutError as error:
            raise McpAway(f"The MCP service did not answer within {SHORT_CALL_SECONDS} seconds.") from error


class _Answer:
    """The pieces of an answer as they are heard: put in order, and completed from the whole at the end.

    The library hears each progress in a task of its own, so hearing does nothing but put it into a queue, and what
    comes after the call's result is not waited for: the result has it.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._text: str | None = None
        self._early: dict[int, str] = {}
        self._heard: asyncio.Queue[tuple[float, str] | None] = asyncio.Queue()

    async def heard(self, progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG002 -- the library's signature
        """Take what the service says."""
        self._heard.put_nowait((progress, message or ""))

    def ended(self, _calling: object) -> None:
        """Nothing more comes."""
        self._heard.put_nowait(None)

    async def next(self) -> TextPiece | StatusLine | None:
        """The next piece or status line; None at the end."""
        while True:
            if (piece := self._in_turn()) is not None:
                return piece
            heard = await self._heard.get()
            if heard is None:
                return None
            progress, message = heard
            if float(progress).is_integer():
                self._early[int(progress) - len(message)] = message
            elif message:
                return StatusLine(message)

    def missing(self, whole: str) -> TextPiece | None:
        """What of `whole` has not been heard."""
        known = self._prefix if self._text is None else self._text
        offset = len(known) if whole.startswith(known) else 0
        return None if whole == known else TextPiece(offset, whole[offset:])

    def _in_turn(self) -> TextPiece | None:
        # The first piece goes on after the prefix, or starts over; each other one goes on after the last.
        starts = (len(self._prefix), 0) if self._text is None else (len(self._text),)
        for offset in starts:
            if offset in self._early:
                piece = TextPiece(offset, self._early.pop(offset))
                self._text = (self._prefix if self._text is None else self._text)[:offset] + piece.text
                return piece
        return None


class _Line:
    """A way to the service: one client for many calls, opened when it is needed."""

    def __init__(self, url: str, token: SecretStr, silence_seconds: float) -> None:
        self._url = f"{url.rstrip('/')}/mcp"
        self._token = token
        self._silence_seconds = silence_seconds
        self._open: _OpenClient | None = None

    async def call(
        self,
        user_id: UUID,
        tool: str,
        arguments: Mapping[str, Any],
        answer: type[AnswerT],
        heard: ProgressFnT | None = None,
    ) -> AnswerT:
        """What the tool answers, asked for the user."""
        if self._open is None or self._open.is_broken:
            self._open = _OpenClient(self._url, self._token, self._silence_seconds)
        line = self._open
        client = await line.client()
        try:
            result = await client.call_tool(
                tool, dict(arguments), progress_callback=heard, meta={USER_META: str(user_id)}
            )
        except MCPError as error:
            raise _failure(error, line.refused_with) from error
        except (RuntimeError, ValidationError) as error:
            raise _not_understood() from error
        return _understood(result, answer)

    async def close(self) -> None:
        """Close the client."""
        if self._open is not None:
            await self._open.close()


class _OpenClient:
    """An open client, and the task that owns it: a client must be closed by the task that opened it."""

    def __init__(self, url: str, token: SecretStr, silence_seconds: float) -> None:
        self.refused_with: int | None = None
        self._url = url
        self._http = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {token.get_secret_value()}"},
            timeout=httpx2.Timeout(silence_seconds, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_IDLE),
            event_hooks={"response": [self._look_at]},
            trust_env=False,
        )
        self._closing = asyncio.Event()
        self._client: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._owner = asyncio.create_task(self._own())
        self._owner.add_done_callback(self._gone)

    @property
    def is_broken(self) -> bool:
        """Whether it can be used no more."""
        return self._owner.done()

    async def client(self) -> Client:
        """The client, once it is open."""
        return await asyncio.shield(self._client)

    async def close(self) -> None:
        """Close it; what still runs breaks off."""
        self._closing.set()
        await asyncio.wait({self._owner})

    async def _own(self) -> None:
        transport = streamable_http_client(self._url, http_client=self._http, max_sse_event_size=LARGEST_EVENT)
        async with self._http, Client(transport, mode=PROTOCOL) as client:
            self._client.set_result(client)
            await self._closing.wait()

    async def _look_at(self, response: httpx2.Response) -> None:
        # The library does not say with which status a call failed.
        self.refused_with = response.status_code if response.status_code in REFUSED_AT_THE_DOOR else None

    def _gone(self, owner: asyncio.Task[None]) -> None:
        if not self._client.done():
            self._client.set_exception(McpAway("The MCP service cannot be reached."))
        if not owner.cancelled() and (error := owner.exception()) is not None:
            logger.info("A client of the MCP service broke: %r", error)


def _failure(error: MCPError, refused_with: int | None) -> McpAway | McpRefused:
    try:
        return McpRefused(ServiceRefusal.model_validate(error.data))
    except ValidationError:
        if refused_with is None:
            return McpAway(f"The MCP service cannot be reached, or broke off: {error.message}.")
    detail = f"The MCP service does not let this worker in ({refused_with}): see {REFUSED_AT_THE_DOOR[refused_with]}."
    return McpRefused(ServiceRefusal(code="mcp_not_allowed", detail=detail, retryable=False))


def _understood(result: CallToolResult, answer: type[AnswerT]) -> AnswerT:
    if result.is_error:
        raise McpAway("The MCP service failed. Its log says why.")
    try:
        return answer.model_validate(result.structured_content)
    except ValidationError as error:
        raise _not_understood() from error


def _not_understood() -> McpAway:
    return McpAway("The MCP service answered what is not understood. Is it of the same version?")
