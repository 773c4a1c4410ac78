"""A client that sends whatever it likes, byte by byte, and a small application to send it to."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.types import Message, Receive, Scope, Send

PATIENCE_SECONDS = 30
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@dataclass(frozen=True)
class Heard:
    """A response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of the problem that it must be."""
        assert self.headers["content-type"] == "application/problem+json", self
        problem = json.loads(self.body)
        assert (problem["status"], bool(problem["detail"])) == (self.status, True)
        return problem["code"]


@dataclass(frozen=True)
class Wire:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send `data`, and be sure that the kernel has it."""
        self.writer.write(data)
        await self.writer.drain()

    async def send_until_closed(self, pieces: Iterable[bytes], pause: float = 0) -> int:
        """Send `pieces` as long as somebody takes them; how many bytes that were."""
        sent = 0
        with suppress(ConnectionError):
            for piece in pieces:
                await self.send(piece)
                sent += len(piece)
                await asyncio.sleep(pause)
        return sent

    async def hear(self) -> Heard:
        """The next response."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:] if line)}
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Heard(int(lines[0].split()[1]), headers, body)

    async def is_closed(self) -> bool:
        """Whether nothing more comes; waits until that is so."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True


@asynccontextmanager
async def wire(url: str, read_buffer: int | None = None) -> AsyncGenerator[Wire]:
    """A connection to `url`; `read_buffer` is how many bytes come before anybody reads them, if it is not the usual."""
    address = urlsplit(url)
    connecting = socket.socket()
    if read_buffer is not None:
        connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_buffer)
    connecting.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connecting, (address.hostname, address.port))
    reader, writer = await asyncio.open_connection(sock=connecting, limit=read_buffer or 1 << 16)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


@dataclass
class Echo:
    """Answers each request with its body once it is there, or before; keeps what it was asked."""

    answers_before_the_body: bool = False
    answer: bytes | None = None
    asked: list[Scope] = field(default_factory=list[Scope])
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        self.asked.append(scope)
        self.begun.set()
        body = b"" if self.answers_before_the_body else await self._body(receive)
        await self.may_answer.wait()
        said = body if self.answer is None else self.answer
        await send(_start(200, len(said)))
        await send({"type": "http.response.body", "body": said})

    async def _body(self, receive: Receive) -> bytes:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return body
            body += message["body"]
            if not message["more_body"]:
                return body


def _start(status: int, length: int) -> Message:
    return {"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % length)]}


async def _lifespan(receive: Receive, send: Send) -> None:
    for event in ("startup", "shutdown"):
        assert (await receive())["type"] == f"lifespan.{event}"
        await send({"type": f"lifespan.{event}.complete"})


def headers_of(scope: Scope) -> dict[bytes, Any]:
    """The headers of a request."""
    return dict(scope["headers"])
