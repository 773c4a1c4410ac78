"""Standard input as lines, and the lines as JSON-RPC messages."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from typing import Any, cast

from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, jsonrpc_message_adapter
from pydantic import ValidationError

MAX_LINE_BYTES = 8 * 1024 * 1024
"""Bytes of one message: the limit of an HTTP request too."""

READ_BYTES = 64 * 1024
MAX_QUEUED_LINES = 16


class StdinLines:
    """The lines of a file descriptor, read by a daemon thread that need not be joined."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._room = threading.Semaphore(MAX_QUEUED_LINES)
        threading.Thread(target=self._read, daemon=True, name="stdin").start()

    async def __aiter__(self) -> AsyncIterator[str]:
        """Each line as it arrives; one that is too long is truncated, and so is not a valid message."""
        while (line := await self._lines.get()) is not None:
            self._room.release()
            yield line

    def _read(self) -> None:
        try:
            self._read_lines()
        finally:
            self._put(None)

    def _read_lines(self) -> None:
        partial = bytearray()
        # Not through `sys.stdin`, whose lock a blocked thread would hold at interpreter shutdown.
        while data := os.read(self._descriptor, READ_BYTES):
            *lines, rest = data.split(b"\n")
            for line in lines:
                self._put((bytes(partial) + line)[:MAX_LINE_BYTES].decode(errors="replace"))
                partial.clear()
            if len(partial) <= MAX_LINE_BYTES:
                partial += rest
        self._put(bytes(partial[:MAX_LINE_BYTES]).decode(errors="replace"))

    def _put(self, line: str | None) -> None:
        self._room.acquire()
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)


async def valid_messages(
    lines: StdinLines, errors: asyncio.Queue[JSONRPCError], on_end: Callable[[], None]
) -> AsyncGenerator[str]:
    """The valid messages; an error for each of the others goes to `errors`, since the library would ignore them."""
    async for line in lines:
        if not line.strip():
            continue
        try:
            jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValidationError:
            errors.put_nowait(_error(line))
        else:
            yield line
    on_end()


def _error(line: str) -> JSONRPCError:
    try:
        decoded: Any = json.loads(line)
    except (ValueError, RecursionError):
        error = ErrorData(code=PARSE_ERROR, message="A message must be one line of JSON of at most 8 MiB.")
        return JSONRPCError(jsonrpc="2.0", id=None, error=error)
    found = cast("dict[str, Any]", decoded).get("id") if isinstance(decoded, dict) else None
    request_id = found if isinstance(found, int | str) and not isinstance(found, bool) else None
    error = ErrorData(code=INVALID_REQUEST, message="A message must be one JSON-RPC request in valid Unicode.")
    return JSONRPCError(jsonrpc="2.0", id=request_id, error=error)
