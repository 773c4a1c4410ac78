"""`python -m mcp_service.stdio`: the Model Context Protocol on standard input and output, for desktop clients.

Standard output carries the protocol and nothing else; what there is to say goes to standard error.
"""

import asyncio
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

import httpx2
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, jsonrpc_message_adapter
from pydantic import ValidationError

from dynavera.settings import BadSettings, Settings, load_settings
from dynavera.telemetry import configure
from dynavera.up.checks import CannotStart, prepared_data_dir
from mcp_service.bridge import Bridge
from mcp_service.service_at_hand import ServiceAtHand, ServiceAway

if TYPE_CHECKING:
    import anyio
    from mcp.shared._context_streams import ContextSendStream

logger = logging.getLogger(__name__)

LARGEST_LINE = 8 * 1024 * 1024
"""Bytes of one message, as of one HTTP request."""

READ_BYTES = 64 * 1024
SILENCE_SECONDS = 300
CONNECT_SECONDS = 5

LAST_SECONDS = 8
"""How long the end may take; a client that reads no more must not keep this process."""

STOPPED_BY_CTRL_C = 130


def main() -> None:
    """Serve until the client closes standard input, or a signal says stop."""
    try:
        settings = load_settings()
        prepared_data_dir(settings)
    except (BadSettings, CannotStart) as error:
        sys.exit(str(error))
    configure(settings)
    code = asyncio.run(_serve(settings))
    # The thread that reads may hang in its read for ever, and a client may not read what is left to write.
    sys.stderr.flush()
    os._exit(code)


async def _serve(settings: Settings) -> int:
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[signal.Signals] = loop.create_future()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda number=number: asked.done() or asked.set_result(number))
    timeout = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
    async with httpx2.AsyncClient(timeout=timeout, trust_env=False) as http, _at_hand(settings, http) as at_hand:
        serving = asyncio.create_task(_serve_streams(Bridge(at_hand, http)))
        await asyncio.wait({serving, asked}, return_when=asyncio.FIRST_COMPLETED)
        _end_at_the_latest()
        await _ended(serving)
    return STOPPED_BY_CTRL_C if asked.done() and asked.result() is signal.SIGINT else 0


async def _ended(serving: asyncio.Task[None]) -> None:
    serving.cancel()
    await asyncio.wait({serving})
    if serving.cancelled():
        return
    try:
        serving.result()
    except* BrokenPipeError:
        # A client that has gone away takes the end of its pipe with it: that is an end, not an error.
        logger.info("The client reads no more.")


@asynccontextmanager
async def _at_hand(settings: Settings, http: httpx2.AsyncClient) -> AsyncGenerator[ServiceAtHand]:
    at_hand = ServiceAtHand(settings, http)
    # The first question should not have to wait for it.
    warming = asyncio.create_task(_warmed(at_hand))
    try:
        yield at_hand
    finally:
        warming.cancel()
        await asyncio.wait({warming})
        await at_hand.close()


async def _warmed(at_hand: ServiceAtHand) -> None:
    # Whoever asks first is told why there is none.
    with suppress(ServiceAway):
        await at_hand.url()


async def _serve_streams(bridge: Bridge) -> None:
    server = bridge.server()
    refused: asyncio.Queue[JSONRPCError] = asyncio.Queue()
    lines = cast("anyio.AsyncFile[str]", _messages(Lines(sys.stdin.fileno()), refused))
    async with stdio_server(stdin=lines) as (messages, answers):
        refusing = asyncio.create_task(_refuse(refused, answers.clone()))
        try:
            await server.run(messages, answers, server.create_initialization_options())
        finally:
            refusing.cancel()


async def _messages(lines: "Lines", refused: asyncio.Queue[JSONRPCError]) -> AsyncGenerator[str]:
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
    _end_at_the_latest()


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


async def _refuse(refused: asyncio.Queue[JSONRPCError], answers: "ContextSendStream[SessionMessage]") -> None:
    # As long as one end is open, the library waits for what it would write.
    async with answers:
        while True:
            await answers.send(SessionMessage(await refused.get()))


class Lines:
    """The lines of a file descriptor, read by a thread of their own that nobody has to wait for."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._room = threading.Semaphore(16)
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

    def _put(self, line: str | None) -> None:
        self._room.acquire()
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)


def _end_at_the_latest() -> None:
    latest = threading.Timer(LAST_SECONDS, os._exit, (1,))
    latest.daemon = True
    latest.start()


if __name__ == "__main__":
    main()
