"""`python -m mcp_service.stdio`: the Model Context Protocol on standard input and output, for desktop clients.

Standard output carries the protocol and nothing else; what there is to say goes to standard error.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, cast

import httpx2
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError

from dynavera.settings import BadSettings, Settings, load_settings
from dynavera.startup import CannotStart, ensure_data_dir
from dynavera.telemetry import configure
from mcp_service.stdio.bridge import Bridge
from mcp_service.stdio.lines import Lines, messages_of
from mcp_service.stdio.service_at_hand import ServiceAtHand, ServiceAway

if TYPE_CHECKING:
    import anyio
    from mcp.shared._context_streams import ContextSendStream

logger = logging.getLogger(__name__)

SILENCE_SECONDS = 300
CONNECT_SECONDS = 5

LAST_SECONDS = 8
"""How long the end may take; a client that reads no more must not keep this process."""

STOPPED_BY_CTRL_C = 130


def main() -> None:
    """Serve until the client closes standard input, or a signal says stop."""
    try:
        settings = load_settings()
        ensure_data_dir(settings)
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
    lines = cast("anyio.AsyncFile[str]", messages_of(Lines(sys.stdin.fileno()), refused, _end_at_the_latest))
    async with stdio_server(stdin=lines) as (messages, answers):
        refusing = asyncio.create_task(_refuse(refused, answers.clone()))
        try:
            await server.run(messages, answers, server.create_initialization_options())
        finally:
            refusing.cancel()


async def _refuse(refused: asyncio.Queue[JSONRPCError], answers: "ContextSendStream[SessionMessage]") -> None:
    # As long as one end is open, the library waits for what it would write.
    async with answers:
        while True:
            await answers.send(SessionMessage(await refused.get()))


def _end_at_the_latest() -> None:
    latest = threading.Timer(LAST_SECONDS, os._exit, (1,))
    latest.daemon = True
    latest.start()


if __name__ == "__main__":
    main()
