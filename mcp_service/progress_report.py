"""The progress notifications of a `generate` call."""

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mcp.server.mcpserver import Context

from mcp_service.generators.generator import StatusNote, TextDelta

SECONDS_PER_CALL = 0.004
"""The time between two notifications of text of one call, for each call that generates: a notification takes about
1 ms of processor in this service, the worker and the API together, so that 20 answers of 50 tokens a second would take
a whole processor. The next token of an answer that is alone is hardly ever so soon."""

ToolContext = Context[Any, Any]


@dataclass
class ProgressReports:
    """Reports the progress of all `generate` calls of this service."""

    _open: set["ProgressReport"] = field(default_factory=set["ProgressReport"])

    @contextmanager
    def of(self, context: ToolContext, keep_alive_seconds: float) -> Generator["ProgressReport"]:
        """The report of one call; after `keep_alive_seconds` of silence it sends an empty note."""
        report = ProgressReport(context, lambda: SECONDS_PER_CALL * len(self._open))
        self._open.add(report)
        keep_alive = asyncio.create_task(report.keep_alive(keep_alive_seconds))
        try:
            yield report
        finally:
            self._open.discard(report)
            keep_alive.cancel()
            report.close()


class ProgressReport:
    """Sends what a generation emits as progress: text with whole numbers, notes with fractions.

    Text that follows within `interval()` seconds is sent together.
    """

    def __init__(self, context: ToolContext, interval: Callable[[], float]) -> None:
        self._context = context
        self._interval = interval
        self._unsent = ""
        self._end = 0
        self._characters = 0
        self._notes = 0
        self._last = time.monotonic()
        self._last_text = 0.0
        self._sending = asyncio.Lock()
        self._flushing: asyncio.Task[None] | None = None

    async def emit(self, item: TextDelta | StatusNote) -> None:
        """Send a text delta or a status note."""
        match item:
            case TextDelta():
                await self._emit_text(item)
            case StatusNote():
                await self.flush()
                await self._send_note(item.message)

    async def flush(self) -> None:
        """Send the text that waits."""
        async with self._sending:
            if self._unsent:
                text, self._unsent = self._unsent, ""
                self._characters, self._notes = self._end, 0
                self._last_text = time.monotonic()
                await self._send(self._characters, text)

    async def keep_alive(self, seconds: float) -> None:
        """Send an empty note after every `seconds` of silence."""
        while True:
            silent_since = self._last
            await asyncio.sleep(silent_since + seconds - time.monotonic())
            if self._last == silent_since:
                await self._send_note("")

    def close(self) -> None:
        """Send nothing more."""
        if self._flushing is not None:
            self._flushing.cancel()

    async def _emit_text(self, delta: TextDelta) -> None:
        if delta.offset != self._end:
            # The answer starts over.
            await self.flush()
        self._unsent += delta.text
        self._end = delta.offset + len(delta.text)
        wait = self._last_text + self._interval() - time.monotonic()
        if wait <= 0:
            await self.flush()
        elif self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_after(wait))

    async def _flush_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.flush()

    async def _send_note(self, message: str) -> None:
        # Progress must grow and stay below the next whole number: 1/2, 2/3, 3/4 …
        self._notes += 1
        await self._send(self._characters + self._notes / (self._notes + 1), message)

    async def _send(self, progress: float, message: str) -> None:
        self._last = time.monotonic()
        await self._context.report_progress(progress, message=message)
