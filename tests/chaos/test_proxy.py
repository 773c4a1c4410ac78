import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from benchmarks.chaos.product import Ports
from benchmarks.chaos.proxy import Link, Mode


@asynccontextmanager
async def link_to_echo_server() -> AsyncGenerator[tuple[Link, list[bytes]]]:
    """A link to a server that echoes each line, and the lines that it received."""
    received: list[bytes] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            received.append(line)
            writer.write(line)
        writer.close()

    ports = Ports.free()
    link = Link("echo", ports.link_to_api, ports.api)
    async with await asyncio.start_server(echo, "127.0.0.1", ports.api), link.listening():
        yield link, received


@asynccontextmanager
async def connected(link: Link) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def response_to(line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> bytes:
    writer.write(line)
    async with asyncio.timeout(seconds):
        return await reader.readline()


async def test_data_passes_both_ways() -> None:
    async with link_to_echo_server() as (link, _), connected(link) as (reader, writer):
        assert await response_to(b"one\n", reader, writer, 5) == b"one\n"


async def test_data_in_a_black_hole_arrives_once_it_is_healed() -> None:
    async with link_to_echo_server() as (link, received), connected(link) as (reader, writer):
        link.set_mode(Mode.BLACK_HOLE)
        with pytest.raises(TimeoutError):
            await response_to(b"one\n", reader, writer, 0.2)
        assert received == []

        link.set_mode(Mode.PASS)

        assert await response_to(b"", reader, writer, 5) == b"one\n"


async def test_a_reset_ends_open_and_new_connections() -> None:
    async with link_to_echo_server() as (link, _), connected(link) as (reader, writer):
        assert await response_to(b"one\n", reader, writer, 5) == b"one\n"

        link.set_mode(Mode.RESET)

        with pytest.raises(ConnectionResetError):
            await response_to(b"two\n", reader, writer, 5)
        async with connected(link) as (later_reader, later_writer):
            with pytest.raises(ConnectionResetError):
                await response_to(b"three\n", later_reader, later_writer, 5)


async def test_requests_pass_while_their_responses_are_dropped() -> None:
    async with link_to_echo_server() as (link, received), connected(link) as (reader, writer):
        link.set_mode(Mode.DROP_RESPONSES)
        with pytest.raises(TimeoutError):
            await response_to(b"one\n", reader, writer, 0.2)
        assert received == [b"one\n"]

        link.set_mode(Mode.PASS)

        with pytest.raises(ConnectionResetError):
            await response_to(b"two\n", reader, writer, 5)


async def test_a_delay_delays_both_ways() -> None:
    async with link_to_echo_server() as (link, _), connected(link) as (reader, writer):
        link.set_mode(Mode.DELAY)
        started = asyncio.get_running_loop().time()

        assert await response_to(b"one\n", reader, writer, 5) == b"one\n"
        assert asyncio.get_running_loop().time() - started >= 1.0
