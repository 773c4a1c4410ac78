"""Reads the body of an answer as servers really send it, as an event stream or as one JSON document."""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any, cast

import httpx2

from mcp_service.generators.endpoint.chunks import Chunk, is_chunk
from mcp_service.generators.endpoint.problems import EndpointProblem, Problem, find_problem

EVENT_STREAM = "text/event-stream"

MAX_STRAY_BYTES = 1024 * 1024
"""How much is read of a body that is not an event stream."""

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
_FIELD = re.compile(r"(?:data|event|id|retry)(?::|\Z)|:")
_DONE = "[DONE]"
_BOM = "\ufeff"


class NotAnAnswer(Exception):
    """The body has nothing of an answer; the message is its text, if that is short and not a page."""


class EndedEarly(Exception):
    """The stream ended before the answer did."""


class GarbledChunk(Exception):
    """An event that begins like a chunk, but is not JSON."""


class AnswerReader:
    """Reads the chunks of one response."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._is_done = self._has_ended = False
        self._stray: list[str] = []
        self._stray_bytes = 0
        self._has_data = self._has_chunks = False

    async def chunks(self) -> AsyncGenerator[Chunk]:
        """The chunks of the answer.

        Raises:
            EndpointProblem: the server reports an error.
            EndedEarly: the answer is not complete.
            GarbledChunk: an event is malformed.
            NotAnAnswer: it is not the answer of a model.
            httpx2.HTTPError: the connection was lost.
        """
        async for event in _event_source(self._response, self._lines()):
            is_error = event.event == "error"
            if is_error and event.data.strip() and not _is_complete(event.data):
                raise EndpointProblem(Problem(_readable(event.data.strip())))
            for value in self._values(event.data):
                if is_error or not is_chunk(value):
                    _raise_problem(value, is_error=is_error)
                else:
                    yield self._chunk(value)
            if self._is_done:
                return
        if not self._has_chunks:
            for value in self._whole():
                yield self._chunk(value)
        if not self._has_ended:
            raise EndedEarly

    def _chunk(self, value: dict[str, Any]) -> Chunk:
        if value.get("error"):
            _raise_problem(value, is_error=True)
        chunk = Chunk.model_validate(value)
        self._has_chunks = True
        self._has_ended = self._has_ended or chunk.finish_reason is not None or bool(chunk.whole)
        return chunk

    def _values(self, data: str) -> Iterator[dict[str, Any]]:
        """The JSON objects of an event: one, or one a line from servers that do not separate their events."""
        text = data.strip()
        if text.upper().startswith(_DONE):
            self._is_done = True
            return
        self._has_data = self._has_data or bool(text)
        try:
            yield from _json_objects(text)
        except ValueError as error:
            if "\n" in text:
                for line in text.split("\n"):
                    yield from self._values(line)
            elif text[:1] in ("{", "["):
                raise GarbledChunk from error

    async def _lines(self) -> AsyncGenerator[bytes]:
        """The lines of an event stream; what is no such line is kept, or turned into one if it is JSON."""
        async for line in _split_lines(self._response.aiter_bytes(), _charset(self._response)):
            if not line.strip():
                yield b"\n"
            elif line.startswith("error:"):
                yield b"event: error\ndata: " + line.removeprefix("error:").encode() + b"\n\n"
            elif _FIELD.match(line):
                yield line.encode() + b"\n"
                if line.startswith("data:") and _is_complete(line.removeprefix("data:")):
                    yield b"\n"
            elif not self._stray and _is_complete(line):
                yield b"data: " + line.encode() + b"\n\n"
            elif self._stray_bytes < MAX_STRAY_BYTES:
                self._stray.append(line)
                self._stray_bytes += len(line)

    def _whole(self) -> Iterator[dict[str, Any]]:
        """The answer in a body that is one JSON document."""
        text = "\n".join(self._stray).strip()
        try:
            values = list(_json_objects(text))
        except ValueError as error:
            raise NotAnAnswer(_readable(text)) from error
        for value in values:
            if is_chunk(value):
                self._has_ended = True
                yield value
            else:
                _raise_problem(value, is_error=False)
        is_stream = self._response.headers.get("content-type", "").startswith(EVENT_STREAM)
        if not self._has_ended and (self._has_data or self._stray or not is_stream):
            raise NotAnAnswer(_readable(text) if text.startswith('"') else "")


def _raise_problem(value: dict[str, Any], *, is_error: bool) -> None:
    problem = find_problem(value, is_error=is_error)
    if problem is not None:
        raise EndpointProblem(problem)


def _json_objects(text: str) -> Iterator[dict[str, Any]]:
    value: object = json.loads(text) if text else None
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    yield from (cast("dict[str, Any]", item) for item in values if isinstance(item, dict))


def _is_complete(data: str) -> bool:
    text = data.strip()
    if text.upper().startswith(_DONE):
        return True
    if not text.startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _readable(text: str) -> str:
    return "" if text.startswith("<") else " ".join(text.split())


async def _split_lines(chunks: AsyncIterator[bytes], charset: str) -> AsyncGenerator[str]:
    """Lines that end with LF, CRLF or CR; `str.splitlines` would also split at characters that JSON may contain."""
    held = b""
    is_first = True
    async for chunk in chunks:
        *lines, held = _LINE_END.split(held + chunk)
        for line in lines:
            yield _decoded(line, charset, is_first=is_first)
            is_first = False
    if held:
        yield _decoded(held.rstrip(b"\r"), charset, is_first=is_first)
    # An event that no blank line ends counts, too.
    yield ""


def _charset(response: httpx2.Response) -> str:
    """The declared character set, if lines can be found in it; an event stream is always UTF-8."""
    declared = response.charset_encoding or "utf-8"
    try:
        return declared if "\n".encode(declared) == b"\n" else "utf-8"
    except LookupError:
        return "utf-8"


def _decoded(line: bytes, charset: str, *, is_first: bool) -> str:
    text = line.decode(charset, "replace")
    return text.removeprefix(_BOM) if is_first else text


class _Lines(httpx2.AsyncByteStream):
    def __init__(self, lines: AsyncGenerator[bytes]) -> None:
        self._lines = lines

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for line in self._lines:
            yield line


def _event_source(response: httpx2.Response, lines: AsyncGenerator[bytes]) -> httpx2.EventSource:
    """The parser for `lines`: its own response, because it accepts only the media type of event streams."""
    request = response.request
    headers = {"content-type": f"{EVENT_STREAM}; charset=utf-8"}
    return httpx2.EventSource(
        httpx2.Response(200, headers=headers, stream=_Lines(lines), request=request), max_event_size=None
    )
