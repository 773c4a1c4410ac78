"""The event bus of one machine: each subscriber listens on a socket, and publishers connect to all of them.

There is no broker that could fail. The sockets are in one folder that only the user can read: Unix sockets or, where
there are none or the path is too long for one, files with a loopback port and a secret.
"""

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from dynavera.bus.bus import Receive
from dynavera.bus.messages import BusMessage, decode, encode
from dynavera.identifiers import new_id

logger = logging.getLogger(__name__)

SOCKET, LOOPBACK = ".sock", ".port"
MAX_SOCKET_PATH = 100
"""Bytes of a Unix socket's path; the limit is 104 on macOS and 108 on Linux."""

LOOK_SECONDS = 0.5
"""How often a publisher looks for new subscribers."""

STALE_SECONDS = 10
"""A younger socket that refuses connections may only just be opening."""

SIZE_BYTES = 4
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
MAX_UNSENT_BYTES = 1024 * 1024
"""Bytes that wait for one subscriber; further messages for it are dropped."""


@dataclass
class LocalBus:
    """A bus whose sockets are in `folder`."""

    folder: Path
    _subscribers: dict[Path, asyncio.StreamWriter] = field(default_factory=dict[Path, asyncio.StreamWriter])

    def publish(self, message: BusMessage) -> None:
        """Send a message to all subscribers that are connected and keep up."""
        if not self._subscribers:
            return
        payload = encode(message).encode()
        framed = len(payload).to_bytes(SIZE_BYTES, "big") + payload
        for writer in self._subscribers.values():
            if not writer.is_closing() and writer.transport.get_write_buffer_size() < MAX_UNSENT_BYTES:
                writer.write(framed)

    @asynccontextmanager
    async def subscribe(self, receive: Receive) -> AsyncGenerator[None]:
        """Call `receive` with each message while the block runs."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._remove_stale_sockets()
        subscriber = _Subscriber(receive)
        path = self.folder / f"{new_id().hex}{SOCKET}"
        if hasattr(socket, "AF_UNIX") and len(bytes(path)) <= MAX_SOCKET_PATH:
            server = await asyncio.start_unix_server(subscriber.serve, path)
        else:
            path = path.with_suffix(LOOPBACK)
            subscriber.secret = secrets.token_hex()
            server = await asyncio.start_server(subscriber.serve, "127.0.0.1", 0)
            _write_private(path, f"{server.sockets[0].getsockname()[1]} {subscriber.secret}")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            server.close()
            await subscriber.close()

    @asynccontextmanager
    async def connecting(self) -> AsyncGenerator[None]:
        """Stay connected to all subscribers while the block runs."""
        looking = asyncio.create_task(self._stay_connected())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait({looking})
            for writer in self._subscribers.values():
                writer.close()
            self._subscribers.clear()

    async def _stay_connected(self) -> None:
        while True:
            for path, writer in list(self._subscribers.items()):
                if writer.is_closing():
                    del self._subscribers[path]
            for path in self._sockets():
                if path not in self._subscribers:
                    # It may have gone meanwhile.
                    with suppress(OSError, ValueError):
                        self._subscribers[path] = await _connect(path)
            await asyncio.sleep(LOOK_SECONDS)

    def _sockets(self) -> list[Path]:
        try:
            return [path for path in self.folder.iterdir() if path.suffix in (SOCKET, LOOPBACK)]
        except OSError:
            return []

    async def _remove_stale_sockets(self) -> None:
        """Remove the sockets of subscribers that were killed."""
        for path in self._sockets():
            with suppress(OSError, ValueError):
                try:
                    (await _connect(path)).close()
                except ConnectionRefusedError:
                    if time.time() - path.stat().st_mtime > STALE_SECONDS:
                        path.unlink()


@dataclass
class _Subscriber:
    receive: Receive
    secret: str = ""
    _connections: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])
    _serving: set[asyncio.Task[None]] = field(default_factory=set["asyncio.Task[None]"])

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Receive the messages of one publisher."""
        self._connections.add(writer)
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def close(self) -> None:
        """Disconnect the publishers."""
        for serving in self._serving:
            serving.cancel()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.secret and not secrets.compare_digest(await _read(reader), self.secret):
                return
            while True:
                message = decode(await _read(reader))
                if message is not None:
                    self.receive(message)
        except (OSError, EOFError, ValueError):
            # The publisher has gone, or is not one.
            return
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> str:
    size = int.from_bytes(await reader.readexactly(SIZE_BYTES), "big")
    if size > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {size} bytes")
    return (await reader.readexactly(size)).decode()


async def _connect(path: Path) -> asyncio.StreamWriter:
    """A connection to a subscriber.

    Raises:
        OSError: it does not listen.
        ValueError: the file is incomplete.
    """
    if path.suffix == SOCKET:
        _, writer = await asyncio.open_unix_connection(path)
        return writer
    port, secret = (await asyncio.to_thread(path.read_text)).split()
    _, writer = await asyncio.open_connection("127.0.0.1", int(port))
    writer.write(len(secret).to_bytes(SIZE_BYTES, "big") + secret.encode())
    return writer


def _write_private(path: Path, text: str) -> None:
    """Write a file that only the user can read, at once."""
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(text)
    part.replace(path)
