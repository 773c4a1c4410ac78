"""`python -m mcp_service.stdio`: MCP over stdio, for desktop clients.

Standard output carries only the protocol; logs and errors go to standard error.
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
from dynavera.startup import STOP_SIGNALS, CannotStart, ensure_data_dir, on_signals
from dynavera.telemetry import configure
from mcp_service.stdio.bridge import Bridge
from mcp_service.stdio.service_locator import ServiceAway, ServiceLocator
from mcp_service.stdio.stdin_lines import StdinLines, valid_messages

if TYPE_CHECKING:
    import anyio
    from mcp.shared._context_streams import ContextSendStream

logger = logging.getLogger(__name__)

READ_TIMEOUT_SECONDS = 300
CONNECT_TIMEOUT_SECONDS = 5

SHUTDOWN_SECONDS = 8
"""How long shutting down may take: a client that no longer reads must not keep this process alive."""

STOPPED_BY_CTRL_C = 130


def main() -> None:
    """Serve until the client closes standard input, or a signal to stop."""
    try:
        settings = load_settings()
        ensure_data_dir(settings)
    except (BadSettings, CannotStart) as error:
        sys.exit(str(error))
    configure(settings)
    code = asyncio.run(_serve(settings))
    # Skip interpreter shutdown: the reading thread may block for ever, and the client may not read what is left.
    sys.stderr.flush()
    os._exit(code)


async def _serve(settings: Settings) -> int:
    stopped: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
    on_signals(lambda number: stopped.done() or stopped.set_result(number), (*STOP_SIGNALS, signal.SIGHUP))
    timeout = httpx2.Timeout(READ_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS)
    async with httpx2.AsyncClient(timeout=timeout, trust_env=False) as http, _locator(settings, http) as locator:
        serving = asyncio.create_task(_serve_streams(Bridge(locator, http)))
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        _exit_after_timeout()
        await _cancel(serving)
    return STOPPED_BY_CTRL_C if stopped.done() and stopped.result() is signal.SIGINT else 0


async def _cancel(serving: asyncio.Task[None]) -> None:
    serving.cancel()
    await asyncio.wait({serving})
    if serving.cancelled():
        return
    try:
        serving.result()
    except* BrokenPipeError:
        # A client that has exited has closed its end of the pipe, which is not an error.
        logger.info("The client has closed its end of the pipe.")


@asynccontextmanager
async def _locator(settings: Settings, http: httpx2.AsyncClient) -> AsyncGenerator[ServiceLocator]:
    locator = ServiceLocator(settings, http)
    # Start now, so that the first request need not wait.
    warm_up = asyncio.create_task(_warm_up(locator))
    try:
        yield locator
    finally:
        warm_up.cancel()
        await asyncio.wait({warm_up})
        await locator.close()


async def _warm_up(locator: ServiceLocator) -> None:
    # The first request reports why there is no service.
    with suppress(ServiceAway):
        await locator.url()


async def _serve_streams(bridge: Bridge) -> None:
    server = bridge.server()
    errors: asyncio.Queue[JSONRPCError] = asyncio.Queue()
    lines = cast("anyio.AsyncFile[str]", valid_messages(StdinLines(sys.stdin.fileno()), errors, _exit_after_timeout))
    async with stdio_server(stdin=lines) as (messages, answers):
        replying = asyncio.create_task(_send_errors(errors, answers.clone()))
        try:
            await server.run(messages, answers, server.create_initialization_options())
        finally:
            replying.cancel()


async def _send_errors(errors: asyncio.Queue[JSONRPCError], answers: "ContextSendStream[SessionMessage]") -> None:
    # The library waits until every clone of the stream is closed.
    async with answers:
        while True:
            await answers.send(SessionMessage(await errors.get()))


def _exit_after_timeout() -> None:
    timer = threading.Timer(SHUTDOWN_SECONDS, os._exit, (1,))
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    main()
