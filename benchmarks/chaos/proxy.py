"""A TCP proxy that can be told to misbehave: one for each link between two parts."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

READ_BYTES = 64 * 1024
LATE_SECONDS = 0.5


class Mode(Enum):
    """What a link does with the bytes it is given."""

    PASS = "pass"
    DELAY = "delay"
    """Everything arrives half a second late."""
    BLACK_HOLE = "black hole"
    """Nothing arrives, in either direction, the end of a connection included; it arrives once the link is healed."""
    HOLD_REQUESTS = "requests held"
    """As a black hole, for requests only: answers that are under way still arrive."""
    RESET = "reset"
    """Connections are reset, new ones too."""
    DROP_ANSWERS = "answers dropped"
    """Requests arrive, answers are lost; connections that lost some are reset once the link is healed."""


@dataclass(eq=False)
class _Side:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        raw: socket.socket | None = self.writer.get_extra_info("socket")
        if raw is not None and not self.writer.transport.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


@dataclass(eq=False)
class _Connection:
    client: _Side
    server: _Side | None = None
    lost_answers: bool = False

    def reset(self) -> None:
        self.client.reset()
        if self.server is not None:
            self.server.reset()


@dataclass(eq=False)
class Link:
    """One link: where it listens, where it leads, and what it does now."""

    name: str
    port: int
    target_port: int
    mode: Mode = Mode.PASS
    _connections: set[_Connection] = field(default_factory=set[_Connection])
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def turn(self, mode: Mode) -> None:
        """Behave so from now on."""
        self.mode = mode
        self._changed.set()
        self._changed = asyncio.Event()
        for connection in list(self._connections):
            if mode is Mode.RESET or (mode is Mode.PASS and connection.lost_answers):
                connection.reset()

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        """Serve connections."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()
            for connection in list(self._connections):
                connection.reset()
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(_Side(reader, writer))
        self._connections.add(connection)
        try:
            if self.mode is Mode.RESET:
                return
            await self._until_may_pass(is_answer=False)
            connection.server = _Side(*await asyncio.open_connection("127.0.0.1", self.target_port))
            await self._both_ways(connection)
        except OSError:
            # Nobody listens behind the link: the connection ends, as it would without us.
            return
        finally:
            self._connections.discard(connection)
            connection.reset()

    async def _both_ways(self, connection: _Connection) -> None:
        if connection.server is None:
            return
        client, server = connection.client, connection.server
        asking = asyncio.create_task(self._pump(connection, client, server, is_answer=False))
        answering = asyncio.create_task(self._pump(connection, server, client, is_answer=True))
        try:
            # Whoever leaves ends it for both: no part of the product closes half a connection.
            await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done() and not client.writer.transport.is_closing():
                client.writer.close()
                await client.writer.wait_closed()
        finally:
            asking.cancel()
            answering.cancel()
            await asyncio.gather(asking, answering, return_exceptions=True)

    async def _pump(self, connection: _Connection, source: _Side, sink: _Side, *, is_answer: bool) -> None:
        while True:
            data = await source.reader.read(READ_BYTES)
            await self._until_may_pass(is_answer=is_answer)
            if not data:
                return
            if is_answer and self.mode is Mode.DROP_ANSWERS:
                connection.lost_answers = True
                continue
            if connection.lost_answers and is_answer:
                return
            if self.mode is Mode.DELAY:
                await asyncio.sleep(LATE_SECONDS)
            sink.writer.write(data)
            await sink.writer.drain()

    async def _until_may_pass(self, *, is_answer: bool) -> None:
        while self.mode is Mode.BLACK_HOLE or (self.mode is Mode.HOLD_REQUESTS and not is_answer):
            await self._changed.wait()


Links: TypeAlias = dict[str, Link]
