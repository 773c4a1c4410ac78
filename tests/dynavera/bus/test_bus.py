"""The event bus: the same tests for each way of delivery."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest

from dynavera.bus.bus import EventBus
from dynavera.bus.local import LocalBus
from dynavera.bus.messages import Appended, BusMessage, Written, decode, encode
from dynavera.bus.postgres import PostgresBus
from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import DeltaContent, LogEntry, agent_event
from dynavera.identifiers import new_id
from tests.postgres import PostgresServer, required
from tests.postgres import postgres as postgres
from tests.serving import until

EXECUTION = new_id()


def entry(sequence: int, text: str = "word") -> LogEntry:
    content = DeltaContent(offset=0, text=text)
    return LogEntry.of(
        agent_event(content, execution_id=EXECUTION, agent_id=EXECUTION, sequence=sequence, timestamp=utc_now())
    )


@pytest.fixture
def folder() -> Generator[Path]:
    """A folder whose path is short enough for a Unix socket."""
    with TemporaryDirectory(prefix="dynavera-") as name:
        yield Path(name)


@pytest.fixture(params=["unix", "loopback", "postgresql"])
def bus(
    request: pytest.FixtureRequest, folder: Path, tmp_path: Path, postgres: PostgresServer | None
) -> LocalBus | PostgresBus:
    """A bus; each test has one of its own."""
    if request.param == "postgresql":
        return PostgresBus(required(postgres).new_database())
    if request.param == "loopback":
        return LocalBus(tmp_path / ("long" * 30))
    return LocalBus(folder)


@asynccontextmanager
async def connected(bus: LocalBus | PostgresBus, *received: list[BusMessage]) -> AsyncGenerator[EventBus]:
    """The bus with a subscriber for each list, when all of them are reached."""
    async with AsyncExitStack() as stack:
        for messages in received:
            await stack.enter_async_context(bus.subscribe(messages.append))
        await stack.enter_async_context(bus.connecting())
        async with asyncio.timeout(10):
            while not all(received):
                bus.publish(Appended(UUID(int=0)))
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.1)
        for messages in received:
            messages.clear()
        yield bus


async def test_every_subscriber_gets_a_message_in_the_order_of_its_publisher(bus: LocalBus | PostgresBus) -> None:
    first, second = list[BusMessage](), list[BusMessage]()
    messages = [Appended(EXECUTION, [entry(n, "line\nbreak \u2028 and 'quote'")]) for n in range(1, 21)]

    async with connected(bus, first, second) as publisher:
        for message in messages:
            publisher.publish(message)
        await until(lambda: len(first) == len(second) == len(messages))

    assert first == second == messages


async def test_a_large_message_arrives_or_becomes_a_hint(bus: LocalBus | PostgresBus) -> None:
    received = list[BusMessage]()
    large = Appended(EXECUTION, [entry(1, "x" * 50_000)])

    async with connected(bus, received) as publisher:
        publisher.publish(large)
        await until(lambda: len(received) == 1)

    assert received in ([large], [Appended(EXECUTION)])


@pytest.mark.parametrize("name", ["short", "long" * 30])
async def test_a_publisher_finds_a_subscriber_that_comes_later(folder: Path, name: str) -> None:
    bus = LocalBus(folder / name)
    received = list[BusMessage]()

    async with bus.connecting():
        await asyncio.sleep(0)
        async with connected(bus, received):
            mode = stat.S_IMODE(bus.folder.stat().st_mode)
            sockets = list(bus.folder.iterdir())

    assert mode == 0o700
    assert len(sockets) == 1
    assert list(bus.folder.iterdir()) == []


async def test_the_socket_of_a_killed_subscriber_is_removed(folder: Path) -> None:
    left = folder / "left.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(left))
        killed.listen()
    os.utime(left, times=(0, 0))

    async with LocalBus(folder).subscribe(lambda _message: None):
        is_left = left.exists()

    assert not is_left


async def test_a_client_without_the_secret_is_not_heard(tmp_path: Path) -> None:
    bus = LocalBus(tmp_path / ("long" * 30))
    received = list[BusMessage]()
    async with bus.subscribe(received.append):
        port = int(next(bus.folder.iterdir()).read_text().split()[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        payload = encode(Appended(EXECUTION)).encode()
        writer.write(len(payload).to_bytes(4, "big") + payload)
        async with asyncio.timeout(5):
            end = await reader.read()
        writer.close()

    assert (end, received) == (b"", [])


@pytest.mark.parametrize(
    "message",
    [
        Appended(EXECUTION, [entry(3), entry(4)]),
        Appended(EXECUTION),
        Written(execution_id=EXECUTION, offset=2, text="a\nb"),
    ],
)
def test_a_message_is_the_same_after_the_way(message: BusMessage) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    "text", ["", "{}", '{"kind":"new"}', f'{{"kind":"appended","execution_id":"{EXECUTION}"}}\n{{}}']
)
def test_what_is_no_message_is_ignored(text: str) -> None:
    assert decode(text) is None
