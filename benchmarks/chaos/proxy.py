"""A TCP proxy with faults, for each link between two parts."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

READ_BYTES = 64 * 1024
DELAY_SECONDS = 0.5


class Mode(Enum):
    """The modes of a link."""

    PASS = "pass"
    DELAY = "delay"
    """Everything arrives half a second late."""
    BLACK_HOLE = "black hole"
    """Nothing arrives in either direction, not even the end of a connection; it arrives once the link is healed."""
    HOLD_REQUESTS = "requests held"
    """A black hole for requests only: responses still arrive."""
    RESET = "reset"
    """Connections are reset, new ones too."""
    DROP_RESPONSES = "responses dropped"
    """Requests arrive, responses are lost; the connections concerned are reset once the link is healed."""


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
    lost_responses: bool = False

    def reset(self) -> None:
        self.client.reset()
        if self.server is not None:
            self.server.reset()


@dataclass(eq=False)
class Link:
    """One link: its port, its target, and its mode."""

    name: str
    port: int
    target_port: int
    mode: Mode = Mode.PASS
    _connections: set[_Connection] = field(default_factory=set[_Connection])
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def set_mode(self, mode: Mode) -> None:
        """Use this mode from now on."""
        self.mode = mode
        self._changed.set()
        self._changed = asyncio.Event()
        for connection in list(self._connections):
            if mode is Mode.RESET or (mode is Mode.PASS and connection.lost_responses):
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
            await self._wait_while_held(is_response=False)
            connection.server = _Side(*await asyncio.open_connection("127.0.0.1", self.target_port))
            await self._relay(connection)
        except OSError:
            # Nothing listens behind the link: the connection ends, as it would without the proxy.
            return
        finally:
            self._connections.discard(connection)
            connection.reset()

    async def _relay(self, connection: _Connection) -> None:
        if connection.server is None:
            return
        client, server = connection.client, connection.server
        requests = asyncio.create_task(self._pump(connection, client, server, is_response=False))
        responses = asyncio.create_task(self._pump(connection, server, client, is_response=True))
        try:
            # If one side closes the connection, both end: no part of the product uses half-closed connections.
            await asyncio.wait({requests, responses}, return_when=asyncio.FIRST_COMPLETED)
            if responses.done() and not client.writer.transport.is_closing():
                client.writer.close()
                await client.writer.wait_closed()
        finally:
            requests.cancel()
            responses.cancel()
            await asyncio.gather(requests, responses, return_exceptions=True)

    async def _pump(self, connection: _Connection, source: _Side, sink: _Side, *, is_response: bool) -> None:
        while True:
            data = await source.reader.read(READ_BYTES)
            await self._wait_while_held(is_response=is_response)
            if not data:
                return
            if is_response and self.mode is Mode.DROP_RESPONSES:
                connection.lost_responses = True
                continue
            if connection.lost_responses and is_response:
                return
            if self.mode is Mode.DELAY:
                await asyncio.sleep(DELAY_SECONDS)
            sink.writer.write(data)
            await sink.writer.drain()

    async def _wait_while_held(self, *, is_response: bool) -> None:
        while self.mode is Mode.BLACK_HOLE or (self.mode is Mode.HOLD_REQUESTS and not is_response):
            await self._changed.wait()


Links: TypeAlias = dict[str, Link]
