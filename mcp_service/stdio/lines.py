"""Standard input, line by line: messages, and what is none."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from typing import Any, cast

from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, jsonrpc_message_adapter
from pydantic import ValidationError

LARGEST_LINE = 8 * 1024 * 1024
"""Bytes of one message, as of one HTTP request."""

READ_BYTES = 64 * 1024
LINES_AHEAD = 16


class Lines:
    """The lines of a file descriptor, read by a thread of their own that nobody has to wait for."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._room = threading.Semaphore(LINES_AHEAD)
        threading.Thread(target=self._read, daemon=True, name="stdin").start()

    async def __aiter__(self) -> AsyncIterator[str]:
        """Each line as it comes; one that is too long comes cut off, and is therefore no message."""
        while (line := await self._lines.get()) is not None:
            self._room.release()
            yield line

    def _read(self) -> None:
        try:
            self._read_lines()
        finally:
            self._put(None)

    def _read_lines(self) -> None:
        begun = bytearray()
        # Not through `sys.stdin`: a thread that waits in it must not be there when Python ends.
        while data := os.read(self._descriptor, READ_BYTES):
            *ended, rest = data.split(b"\n")
            for each in ended:
                self._put((bytes(begun) + each)[:LARGEST_LINE].decode(errors="replace"))
                begun.clear()
            if len(begun) <= LARGEST_LINE:
                begun += rest
        self._put(bytes(begun[:LARGEST_LINE]).decode(errors="replace"))

    def _put(self, line: str | None) -> None:
        self._room.acquire()
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)


async def messages_of(
    lines: Lines, refused: asyncio.Queue[JSONRPCError], ended: Callable[[], None]
) -> AsyncGenerator[str]:
    """The lines that are messages: the library passes over all others without a word, and who sent them waits."""
    async for line in lines:
        if not line.strip():
            continue
        try:
            jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValidationError:
            refused.put_nowait(_refusal(line))
        else:
            yield line
    ended()


def _refusal(line: str) -> JSONRPCError:
    try:
        decoded: Any = json.loads(line)
    except (ValueError, RecursionError):
        error = ErrorData(code=PARSE_ERROR, message="A message must be one line of JSON, of at most 8 MiB.")
        return JSONRPCError(jsonrpc="2.0", id=None, error=error)
    found = cast("dict[str, Any]", decoded).get("id") if isinstance(decoded, dict) else None
    number = found if isinstance(found, int | str) and not isinstance(found, bool) else None
    error = ErrorData(code=INVALID_REQUEST, message="A message must be one JSON-RPC request, in valid Unicode.")
    return JSONRPCError(jsonrpc="2.0", id=number, error=error)
