"""The processes that read files, as the service sees them: started when they are needed, ended when they overrun."""

import asyncio
import json
import logging
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from dynavera.environment import without_dynavera_settings
from dynavera.records.new_documents import NewPassage
from mcp_service.knowledge.extraction.frames import LENGTH_BYTES, LOADING_SECONDS, frame
from mcp_service.knowledge.extraction.refusing import FileRefused, deadly, too_demanding

MOST_PROCESSES = 2
"""Files that are read at the same time: a slow one holds up nobody else's."""

SILENT_SECONDS = 7
"""What it may take for one piece of a file, be it a page or, where there are none, the whole of it."""

PIECE_SECONDS = 0.2
"""What each piece of a file adds to the time that the whole of it may take; a page takes some 20 ms."""

IDLE_SECONDS = 60
"""A process that has had nothing to read for so long is ended, and gives its memory back."""

logger = logging.getLogger(__name__)


class _Died(Exception):
    """The process ended in the middle of a file."""


@dataclass(frozen=True)
class Extracted:
    """The text of a file, and its passages in order."""

    text: str
    passages: Sequence[NewPassage]


class Extractors:
    """Reads files, each in one of a few processes; what a file does to its process happens to nobody else."""

    def __init__(self) -> None:
        self._all = [_Extractor() for _ in range(MOST_PROCESSES)]
        # The last one used first, so that one process does it all where one is enough.
        self._free: asyncio.LifoQueue[_Extractor] = asyncio.LifoQueue()
        for extractor in self._all:
            self._free.put_nowait(extractor)

    async def read(self, media_type: str, data: bytes) -> Extracted:
        """The text of a file and its passages.

        Raises:
            FileRefused: it cannot become a document.
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


class _Extractor:
    """One process at a time."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def read(self, media_type: str, data: bytes) -> Extracted:
        """As `Extractors.read`; a process that dies is given a second chance, for it may have been killed."""
        self._keep_on()
        try:
            return await self._read(media_type, data)
        except _Died:
            logger.warning("A process that reads files died of a file. It is tried once more.")
        try:
            return await self._read(media_type, data)
        except _Died as error:
            raise deadly() from error

    async def close(self) -> None:
        """End the process, and wait for its end."""
        self._keep_on()
        process, self._process = self._process, None
        if process is not None:
            _kill(process)
            await process.wait()

    async def _read(self, media_type: str, data: bytes) -> Extracted:
        async with self._running() as process:
            stdin = cast("asyncio.StreamWriter", process.stdin)
            try:
                for sent in (media_type.encode(), data):
                    stdin.write(frame(sent))
                await stdin.drain()
                return await _answer(process)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise _Died from error
            except TimeoutError as error:
                raise too_demanding() from error

    @asynccontextmanager
    async def _running(self) -> AsyncGenerator[Process]:
        """A process for one file; it is kept for the next one only if this one did it no harm."""
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
        self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._end_idle)

    def _keep_on(self) -> None:
        if self._idle is not None:
            self._idle.cancel()

    def _end_idle(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _kill(process)


async def _start() -> Process:
    # It reads what strangers wrote, so it is not given our secrets.
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


async def _answer(process: Process) -> Extracted:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(LOADING_SECONDS) as limit:
        until = 0.0
        while True:
            match await _said(process):
                case ["loading"]:
                    limit.reschedule(loop.time() + LOADING_SECONDS)
                case ["reading"]:
                    until = loop.time() + SILENT_SECONDS
                    limit.reschedule(until)
                case ["more"]:
                    until += PIECE_SECONDS
                    limit.reschedule(min(until, loop.time() + SILENT_SECONDS))
                case ["refused", code, detail]:
                    raise FileRefused(code, detail)
                case [_, text, passages]:
                    return _extracted(text, passages)
                case words:
                    raise _Died(words)


async def _said(process: Process) -> list[Any]:
    stdout = cast("asyncio.StreamReader", process.stdout)
    length = await stdout.readexactly(LENGTH_BYTES)
    return json.loads(await stdout.readexactly(int.from_bytes(length)))


def _extracted(text: str, passages: Sequence[Any]) -> Extracted:
    return Extracted(
        text,
        [
            NewPassage(heading, start, end, text[start:end], sha256, page)
            for start, end, page, heading, sha256 in passages
        ],
    )
