import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from benchmarks.chaos.product import Ports
from benchmarks.chaos.proxy import Link, Mode


@asynccontextmanager
async def link_to_an_echo() -> AsyncGenerator[tuple[Link, list[bytes]]]:
    """A link to a server that answers each line with itself, and what that server has heard."""
    heard: list[bytes] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            heard.append(line)
            writer.write(line)
        writer.close()

    ports = Ports.free()
    link = Link("echo", ports.link_to_api, ports.api)
    async with await asyncio.start_server(echo, "127.0.0.1", ports.api), link.listening():
        yield link, heard


@asynccontextmanager
async def connected(link: Link) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def answer_to(line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> bytes:
    writer.write(line)
    async with asyncio.timeout(seconds):
        return await reader.readline()


async def test_what_passes_comes_back() -> None:
    async with link_to_an_echo() as (link, _), connected(link) as (reader, writer):
        assert await answer_to(b"one\n", reader, writer, 5) == b"one\n"


async def test_what_a_black_hole_has_swallowed_comes_when_it_is_healed() -> None:
    async with link_to_an_echo() as (link, heard), connected(link) as (reader, writer):
        link.turn(Mode.BLACK_HOLE)
        with pytest.raises(TimeoutError):
            await answer_to(b"one\n", reader, writer, 0.2)
        assert heard == []

        link.turn(Mode.PASS)

        assert await answer_to(b"", reader, writer, 5) == b"one\n"


async def test_a_reset_ends_what_is_open_and_what_comes() -> None:
    async with link_to_an_echo() as (link, _), connected(link) as (reader, writer):
        assert await answer_to(b"one\n", reader, writer, 5) == b"one\n"

        link.turn(Mode.RESET)

        with pytest.raises(ConnectionResetError):
            await answer_to(b"two\n", reader, writer, 5)
        async with connected(link) as (later_reader, later_writer):
            with pytest.raises(ConnectionResetError):
                await answer_to(b"three\n", later_reader, later_writer, 5)


async def test_requests_pass_while_their_answers_are_dropped() -> None:
    async with link_to_an_echo() as (link, heard), connected(link) as (reader, writer):
        link.turn(Mode.DROP_ANSWERS)
        with pytest.raises(TimeoutError):
            await answer_to(b"one\n", reader, writer, 0.2)
        assert heard == [b"one\n"]

        link.turn(Mode.PASS)

        with pytest.raises(ConnectionResetError):
            await answer_to(b"two\n", reader, writer, 5)


async def test_late_is_late_and_whole() -> None:
    async with link_to_an_echo() as (link, _), connected(link) as (reader, writer):
        link.turn(Mode.DELAY)
        began = asyncio.get_running_loop().time()

        assert await answer_to(b"one\n", reader, writer, 5) == b"one\n"
        assert asyncio.get_running_loop().time() - began >= 1.0
