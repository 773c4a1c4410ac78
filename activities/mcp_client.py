"""The client of the MCP service."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, SecretStr

from activities.mcp_errors import McpAway
from dynavera.contracts.mcp import GenerateCall, Generated, GenerationStopped, Retrieved

if TYPE_CHECKING:
    from activities.mcp_connection import McpConnection

SHORT_CALL_SECONDS = 30
"""The longest silence of a call that does not generate."""

GENERATION_SILENCE_SECONDS = 60
"""The longest silence of a generation: the service sends a keep-alive every ten seconds."""

PRELOAD_AFTER_SECONDS = 3
"""A new worker first takes over unfinished work; then it imports the MCP library, which takes half a second of
processor time, before the first call needs it."""

AnswerT = TypeVar("AnswerT", bound=BaseModel)


@dataclass(frozen=True)
class TextPiece:
    """More of the answer: the answer so far is `answer[:offset] + text`."""

    offset: int
    text: str


@dataclass(frozen=True)
class StatusLine:
    """A message for people, beside the text."""

    message: str


GenerationItem = TextPiece | StatusLine | Generated


class McpService:
    """Calls the MCP service on behalf of users; connections stay open and are reopened when they break.

    Generations have a connection of their own, so that many of them never delay a short call. With `preload` the MCP
    library is imported soon after the start instead of at the first call.
    """

    def __init__(self, url: str, token: SecretStr, *, preload: bool = True) -> None:
        self._url = url
        self._token = token
        self._preload = preload
        self._connecting: asyncio.Task[_Connections] | None = None
        self._preloading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Nothing is opened yet: the service may start later."""
        if self._preload:
            self._preloading = asyncio.create_task(self._preload_library())
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections; running calls break off."""
        if self._preloading is not None:
            self._preloading.cancel()
        if self._connecting is not None:
            connections = await self._connecting
            await connections.short.close()
            await connections.long.close()

    async def retrieve(self, user_id: UUID, query: str, collection: str, top_k: int) -> Retrieved:
        """The passages of the user's documents that match a question, best first.

        Raises:
            McpAway: the service could not be asked.
            McpRefused: it refused.
        """
        arguments = {"query": query, "collection": collection, "top_k": top_k}
        return await self._short_call(user_id, "retrieve", arguments, Retrieved)

    async def stop_generation(self, user_id: UUID, operation_id: str) -> GenerationStopped:
        """Stop a generation; returns when the generator has stopped.

        Raises:
            McpAway: the service could not be asked.
            McpRefused: it refused.
        """
        return await self._short_call(user_id, "stop_generation", {"operation_id": operation_id}, GenerationStopped)

    async def generate(self, user_id: UUID, call: GenerateCall) -> AsyncGenerator[GenerationItem]:
        """The pieces of an answer in order, then the whole; closing the generator stops the model.

        Raises:
            McpAway: the service could not be asked, or broke off.
            McpRefused: it refused.
        """
        answer = _AnswerStream(call.prefix)
        connection = (await self._connect()).long
        calling = asyncio.create_task(
            connection.call(user_id, "generate", call.model_dump(mode="json"), Generated, answer.on_progress)
        )
        calling.add_done_callback(answer.end)
        try:
            while (item := await answer.next()) is not None:
                yield item
            generated = calling.result()
            missing = answer.missing(generated.text)
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
                connection = (await self._connect()).short
                return await connection.call(user_id, tool, arguments, answer)
        except TimeoutError as error:
            raise McpAway(f"The MCP service did not answer within {SHORT_CALL_SECONDS} seconds.") from error

    async def _connect(self) -> "_Connections":
        if self._connecting is None:
            # In a thread, so that heartbeats continue during the import.
            self._connecting = asyncio.create_task(asyncio.to_thread(_connections, self._url, self._token))
        return await asyncio.shield(self._connecting)

    async def _preload_library(self) -> None:
        await asyncio.sleep(PRELOAD_AFTER_SECONDS)
        await self._connect()


@dataclass(frozen=True)
class _Connections:
    short: "McpConnection"
    long: "McpConnection"


def _connections(url: str, token: SecretStr) -> _Connections:
    # Imported lazily: a process that never calls the service does not need the library.
    from activities.mcp_connection import McpConnection

    return _Connections(
        McpConnection(url, token, SHORT_CALL_SECONDS), McpConnection(url, token, GENERATION_SILENCE_SECONDS)
    )


class _AnswerStream:
    """Puts the progress notifications of one answer in order, and completes them from the result.

    The library runs a task for each notification, so `on_progress` only queues it. Notifications that come after the
    call's result are not awaited: the result contains them.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._text: str | None = None
        self._out_of_order: dict[int, str] = {}
        self._notifications: asyncio.Queue[tuple[float, str] | None] = asyncio.Queue()

    async def on_progress(self, progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG002 -- the library's signature
        """Queue a notification."""
        self._notifications.put_nowait((progress, message or ""))

    def end(self, _calling: object) -> None:
        """No notification follows."""
        self._notifications.put_nowait(None)

    async def next(self) -> TextPiece | StatusLine | None:
        """The next piece or status line; None at the end."""
        while True:
            if (piece := self._next_in_order()) is not None:
                return piece
            notification = await self._notifications.get()
            if notification is None:
                return None
            progress, message = notification
            if float(progress).is_integer():
                self._out_of_order[int(progress) - len(message)] = message
            elif message:
                return StatusLine(message)

    def missing(self, whole: str) -> TextPiece | None:
        """The part of `whole` that no notification contained."""
        known = self._prefix if self._text is None else self._text
        offset = len(known) if whole.startswith(known) else 0
        return None if whole == known else TextPiece(offset, whole[offset:])

    def _next_in_order(self) -> TextPiece | None:
        # The first piece continues the prefix or starts over; each later one continues the text, or starts over.
        starts = (len(self._prefix if self._text is None else self._text), 0)
        for offset in starts:
            if offset in self._out_of_order:
                piece = TextPiece(offset, self._out_of_order.pop(offset))
                self._text = (self._prefix if self._text is None else self._text)[:offset] + piece.text
                return piece
        return None
