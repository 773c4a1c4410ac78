"""The MCP service as the activities see it; its errors are named here."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, SecretStr

from dynavera.contracts.mcp import GenerateCall, Generated, GenerationStopped, Retrieved, ServiceRefusal

if TYPE_CHECKING:
    from activities.mcp_line import Line

SHORT_CALL_SECONDS = 30
"""The longest silence of a call that does not generate."""

GENERATION_SILENCE_SECONDS = 60
"""The longest silence of a generation: the service says every ten seconds that it still runs."""

GETS_READY_AFTER_SECONDS = 3
"""A worker that starts takes over what was left; then, before anybody asks, it brings the library, whose import takes
half a second of processor time."""

AnswerT = TypeVar("AnswerT", bound=BaseModel)


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

    There is one for short calls and one for generations, so that many generations never keep a short call waiting. With
    `prepared` the library is imported soon after the start instead of with the first call.
    """

    def __init__(self, url: str, token: SecretStr, *, prepared: bool = True) -> None:
        self._url = url
        self._token = token
        self._prepared = prepared
        self._lines: asyncio.Task[_Lines] | None = None
        self._getting_ready: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Nothing is opened yet: the service may come later."""
        if self._prepared:
            self._getting_ready = asyncio.create_task(self._get_ready())
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the clients; what still runs breaks off."""
        if self._getting_ready is not None:
            self._getting_ready.cancel()
        if self._lines is not None:
            lines = await self._lines
            await lines.short.close()
            await lines.long.close()

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
        line = (await self._open()).long
        calling = asyncio.create_task(
            line.call(user_id, "generate", call.model_dump(mode="json"), Generated, told.heard)
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
                line = (await self._open()).short
                return await line.call(user_id, tool, arguments, answer)
        except TimeoutError as error:
            raise McpAway(f"The MCP service did not answer within {SHORT_CALL_SECONDS} seconds.") from error

    async def _open(self) -> "_Lines":
        if self._lines is None:
            # In a thread, so that heartbeats go on meanwhile.
            self._lines = asyncio.create_task(asyncio.to_thread(_lines, self._url, self._token))
        return await asyncio.shield(self._lines)

    async def _get_ready(self) -> None:
        await asyncio.sleep(GETS_READY_AFTER_SECONDS)
        await self._open()


@dataclass(frozen=True)
class _Lines:
    short: "Line"
    long: "Line"


def _lines(url: str, token: SecretStr) -> _Lines:
    # Who only reads logs, as the API does, or takes an execution over, need not wait for the library.
    from activities.mcp_line import Line

    return _Lines(Line(url, token, SHORT_CALL_SECONDS), Line(url, token, GENERATION_SILENCE_SECONDS))


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
