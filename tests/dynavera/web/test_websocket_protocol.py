"""Handshakes that are refused, and messages that are made to use up memory."""

import asyncio
import gc
import struct
from collections.abc import AsyncGenerator
from itertools import repeat

import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect

from dynavera.web.websocket_protocol import MAX_FRAGMENTS, GuardedWebSocketProtocol
from tests.dynavera.web.wire import PATIENCE_SECONDS, UPGRADE, Wire, wire
from tests.serving import serving, until

LARGEST_MESSAGE = 64 * 1024
TEXT, CONTINUATION, PING, PONG = 1, 0, 9, 10
FINAL, MASKED = 0x80, 0x80


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends back what it is sent."""
    while True:
        message = await receive()
        match message["type"]:
            case "websocket.connect":
                await send({"type": "websocket.accept"})
            case "websocket.receive":
                await send({"type": "websocket.send", "text": message["text"]})
            case "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            case "lifespan.shutdown":
                await send({"type": "lifespan.shutdown.complete"})
                return
            case _:
                return


@pytest.fixture
async def url() -> AsyncGenerator[str]:
    async with serving(echo, send_buffer=1 << 16, largest_message=LARGEST_MESSAGE) as url:
        yield url


REFUSED = {
    "a line of headers that is too long": (UPGRADE + b"Cookie: " + b"a" * 9000 + b"\r\n\r\n", 431),
    "too many headers": (UPGRADE + b"".join(b"X-%d: a\r\n" % n for n in range(150)) + b"\r\n", 431),
    "a path that is too long": (UPGRADE.replace(b"/ws", b"/ws" + b"a" * 9000) + b"\r\n", 414),
    "a body": (UPGRADE + b"Content-Length: 5\r\n\r\nhello", 400),
    "a body in chunks": (UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "another method": (UPGRADE.replace(b"GET", b"POST") + b"\r\n", 405),
    "another version": (UPGRADE.replace(b"Version: 13", b"Version: 7") + b"\r\n", 400),
    "no key": (UPGRADE.replace(b"Sec-WebSocket-Key", b"X-Key") + b"\r\n", 400),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_an_invalid_handshake_is_refused_with_a_problem(url: str, name: str) -> None:
    handshake, status = REFUSED[name]

    async with wire(url) as client:
        await client.send(handshake)
        answer = await client.hear()
        closed = await client.is_closed()

    assert (answer.status, answer.code, closed) == (status, "bad_handshake", True)


async def test_a_frame_with_a_too_large_length_is_refused_at_once(url: str) -> None:
    async with wire(url) as client:
        await _shake_hands(client)
        await client.send(struct.pack("!BBQ4s", FINAL | TEXT, MASKED | 127, 1 << 30, b"mask"))

        assert await _close_code(client) == 1009


async def test_a_message_in_fragments_that_are_too_large_together_is_refused(url: str) -> None:
    async with wire(url) as client:
        await _shake_hands(client)
        await client.send(_frame(TEXT, b"a" * 40_000) + _frame(CONTINUATION, b"a" * 40_000))

        assert await _close_code(client) == 1009


async def test_messages_are_not_compressed_and_cannot_grow_when_unpacked(url: str) -> None:
    async with connect(url.replace("http", "ws", 1), compression="deflate", proxy=None) as client:
        await client.send("a" * 1000)
        echoed = await client.recv()

    assert client.protocol.extensions == []
    assert echoed == "a" * 1000


async def test_fragments_take_no_more_memory_than_their_bytes(url: str) -> None:
    fragments = 20 * MAX_FRAGMENTS

    async with wire(url) as client:
        await _shake_hands(client)
        await client.send(_frame(TEXT, b"a") + _frame(CONTINUATION, b"a") * fragments)
        await client.send(_frame(CONTINUATION, b"") * fragments)
        (protocol,) = _protocols()
        await until(lambda: sum(map(len, protocol.frames)) == fragments + 1, seconds=PATIENCE_SECONDS)
        kept = len(protocol.frames)
        await client.send(_frame(FINAL | CONTINUATION, b"!"))
        answer = await client.reader.readexactly(4 + fragments + 2)

    assert kept <= MAX_FRAGMENTS + 1
    assert answer.endswith(b"a" * (fragments + 1) + b"!")


async def test_a_client_that_reads_no_pongs_is_not_read(url: str) -> None:
    pings = _frame(FINAL | PING, b"a" * 125) * 500
    size, number = len(pings), 100

    async with wire(url, read_buffer=1 << 13) as client:
        await _shake_hands(client)
        sending = asyncio.create_task(client.send_until_closed(repeat(pings, number)))
        (protocol,) = _protocols()
        await until(lambda: not protocol.writable.is_set(), seconds=PATIENCE_SECONDS)
        waiting = protocol.transport.get_write_buffer_size()
        reads_on = protocol.transport.is_reading()
        async with asyncio.timeout(PATIENCE_SECONDS):
            pongs = await client.reader.readexactly(number * 500 * (2 + 125))
            sent = await sending

    assert not reads_on
    assert waiting < 1_000_000
    assert sent == number * size
    assert pongs == struct.pack("!BB", FINAL | PONG, 125).join([b""] + [b"a" * 125] * (number * 500))


async def test_many_small_messages_wait_as_bytes_until_the_application_takes_them(url: str) -> None:
    number = 30_000

    async with wire(url, read_buffer=1 << 13) as client:
        await _shake_hands(client)
        (protocol,) = _protocols()
        sending = asyncio.create_task(
            client.send_until_closed(repeat(_frame(FINAL | TEXT, b"a") * 1000, number // 1000))
        )
        waiting = 0
        echoed = b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(echoed) < number * len(b"..a"):
                echoed += await client.reader.read(1000)
                waiting = max(waiting, protocol.queue.qsize())
            await sending

    assert echoed == bytes([FINAL | TEXT, 1, ord("a")]) * number
    assert 0 < waiting < 1000


async def _shake_hands(client: Wire) -> None:
    await client.send(UPGRADE + b"\r\n")
    assert (await client.hear()).status == 101


def _frame(first: int, payload: bytes) -> bytes:
    """A frame; its mask of zeros leaves the payload as it is."""
    length = len(payload)
    size = bytes([MASKED | length]) if length < 126 else struct.pack("!BH", MASKED | 126, length)
    return bytes([first]) + size + bytes(4) + payload


async def _close_code(client: Wire) -> int:
    async with asyncio.timeout(PATIENCE_SECONDS):
        first, _, code = struct.unpack("!BBH", await client.reader.readexactly(4))
    assert first == FINAL | 8
    return code


def _protocols() -> list[GuardedWebSocketProtocol]:
    """The server's side of each WebSocket that is open."""
    gc.collect()
    found = [one for one in gc.get_objects() if isinstance(one, GuardedWebSocketProtocol)]
    return [one for one in found if not one.disconnected]
