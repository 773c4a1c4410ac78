"""The pool of processes that read files: started on demand, ended if they exceed their limits."""

import asyncio
import json
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from dynavera.environment import without_dynavera_settings
from dynavera.records.new_documents import DocumentDetails, NewPassage
from mcp_service.knowledge.extraction.errors import FileRefused, reader_crashed, too_demanding
from mcp_service.knowledge.extraction.frames import LENGTH_BYTES, LOADING_SECONDS, frame

MAX_PROCESSES = 2
"""Files that are read in parallel, so that a slow one does not delay others."""

PART_SECONDS = 7
"""The time limit for a part of a file: a page, or the whole file if it has no pages."""

EXTRA_SECONDS_PER_PART = 0.2
"""What each part adds to the time limit of the whole file; a page takes some 20 ms."""

logger = logging.getLogger(__name__)


class _Died(Exception):
    """The process ended while it read a file."""


@dataclass(frozen=True)
class Extraction:
    """The text of a file, and its passages in order."""

    text: str
    passages: Sequence[NewPassage]
    details: DocumentDetails


class ExtractorPool:
    """Reads files in a few processes, so that a malicious file affects nothing but its process."""

    def __init__(self, idle: timedelta) -> None:
        self._all = [_ExtractorProcess(idle) for _ in range(MAX_PROCESSES)]
        # Last in, first out, so that one process does everything if one is enough.
        self._free: asyncio.LifoQueue[_ExtractorProcess] = asyncio.LifoQueue()
        for extractor in self._all:
            self._free.put_nowait(extractor)

    async def read(self, media_type: str, data: bytes) -> Extraction:
        """The text of a file and its passages.

        Raises:
            FileRefused: the file cannot become a document.
        """
        extractor = await self._free.get()
        try:
            return await extractor.read(media_type, data)
        finally:
            self._free.put_nowait(extractor)

    async def close(self) -> None:
        """End the processes."""
        for extractor in self._all:
            await extractor.close()


class _ExtractorProcess:
    """One process at a time, replaced when it has ended."""

    def __init__(self, idle: timedelta) -> None:
        self._idle_seconds = idle.total_seconds()
        self._process: Process | None = None
        self._idle_timer: asyncio.TimerHandle | None = None

    async def read(self, media_type: str, data: bytes) -> Extraction:
        """As `ExtractorPool.read`; after a crash the file is read once more, since the process may have been killed."""
        self._cancel_idle_timer()
        try:
            return await self._read(media_type, data)
        except _Died:
            logger.warning("A process ended while it read a file; reading the file once more.")
        try:
            return await self._read(media_type, data)
        except _Died as error:
            raise reader_crashed() from error

    async def close(self) -> None:
        """Kill the process, and wait for its end."""
        self._cancel_idle_timer()
        process, self._process = self._process, None
        if process is not None:
            _kill(process)
            await process.wait()

    async def _read(self, media_type: str, data: bytes) -> Extraction:
        async with self._running() as process:
            stdin = cast("asyncio.StreamWriter", process.stdin)
            try:
                for part in (media_type.encode(), data):
                    stdin.write(frame(part))
                await stdin.drain()
                return await _answer(process)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                # PDFium aborts when it gets no memory.
                if await process.wait() == -signal.SIGABRT:
                    raise too_demanding() from error
                raise _Died from error
            except TimeoutError as error:
                raise too_demanding() from error

    @asynccontextmanager
    async def _running(self) -> AsyncGenerator[Process]:
        """A process for one file; it is reused unless the file exceeded its limits."""
        process = self._process or await _start()
        self._process = None
        try:
            yield process
        except FileRefused as refusal:
            if refusal.code != too_demanding().code:
                self._keep(process)
            raise
        else:
            self._keep(process)
        finally:
            if self._process is None:
                _kill(process)
                await process.wait()

    def _keep(self, process: Process) -> None:
        self._process = process
        self._idle_timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._end_idle)

    def _cancel_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()

    def _end_idle(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _kill(process)


async def _start() -> Process:
    # Without secrets, because it reads untrusted files.
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "mcp_service.knowledge.extraction.child"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env={**without_dynavera_settings(os.environ), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )


def _kill(process: Process) -> None:
    if process.returncode is None:
        process.kill()


async def _answer(process: Process) -> Extraction:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(LOADING_SECONDS) as limit:
        deadline = 0.0
        while True:
            match await _receive(process):
                case ["loading"]:
                    limit.reschedule(loop.time() + LOADING_SECONDS)
                case ["reading"]:
                    deadline = loop.time() + PART_SECONDS
                    limit.reschedule(deadline)
                case ["more"]:
                    deadline += EXTRA_SECONDS_PER_PART
                    limit.reschedule(min(deadline, loop.time() + PART_SECONDS))
                case ["refused", code, detail]:
                    raise FileRefused(code, detail)
                case [_, text, passages, details]:
                    return _to_extraction(text, passages, details)
                case message:
                    raise _Died(message)


async def _receive(process: Process) -> list[Any]:
    stdout = cast("asyncio.StreamReader", process.stdout)
    length = await stdout.readexactly(LENGTH_BYTES)
    return json.loads(await stdout.readexactly(int.from_bytes(length)))


def _to_extraction(text: str, passages: Sequence[Any], details: dict[str, Any]) -> Extraction:
    return Extraction(
        text,
        [
            NewPassage(heading, start, end, text[start:end], sha256, page)
            for start, end, page, heading, sha256 in passages
        ],
        DocumentDetails(**details),
    )
