"""Logs on the event bus: whatever the bus does, every viewer sees the whole log once, in order."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest

from api.limits import PollLimits
from api.live.relay import Relay
from dynavera.bus.bus import Receive
from dynavera.bus.local import LocalBus
from dynavera.bus.messages import Appended, BusMessage
from dynavera.contracts.events import LogEntry
from tests.workflows.fakes import Gate, unavailable
from tests.workflows.world import TIMEOUT_SECONDS, World

WORDS = [f"word{number} " for number in range(30)]
RARE = PollLimits(min_interval=timedelta(hours=1), max_interval=timedelta(hours=1))
"""Polls that a test does not wait for: only gaps cause any."""


@dataclass
class Bus:
    """A bus in this process; `deliver` says what arrives in place of each message."""

    deliver: Callable[[BusMessage], list[BusMessage]] = lambda message: [message]
    published: list[LogEntry] = field(default_factory=list[LogEntry])
    _receivers: list[Receive] = field(default_factory=list[Receive])

    def publish(self, message: BusMessage) -> None:
        if isinstance(message, Appended):
            self.published += message.entries
        for delivered in self.deliver(message):
            for receive in self._receivers:
                receive(delivered)

    @asynccontextmanager
    async def subscribe(self, receive: Receive) -> AsyncGenerator[None]:
        self._receivers.append(receive)
        yield
        self._receivers.remove(receive)


def nothing(_message: BusMessage) -> list[BusMessage]:
    return []


def twice(message: BusMessage) -> list[BusMessage]:
    return [message, message]


def backwards() -> Callable[[BusMessage], list[BusMessage]]:
    """Each two messages change places, and so do the events within one."""
    held = list[BusMessage]()

    def deliver(message: BusMessage) -> list[BusMessage]:
        if isinstance(message, Appended):
            message = Appended(message.execution_id, message.entries[::-1])
        held.append(message)
        return [held.pop(), held.pop()] if len(held) > 1 else []

    return deliver


def every_other() -> Callable[[BusMessage], list[BusMessage]]:
    count = 0

    def deliver(message: BusMessage) -> list[BusMessage]:
        nonlocal count
        count += 1
        return [message] if count % 2 else []

    return deliver


def hints(message: BusMessage) -> list[BusMessage]:
    return [Appended(message.execution_id)] if isinstance(message, Appended) else [message]


def cut_after_three() -> Callable[[BusMessage], list[BusMessage]]:
    left = 3

    def deliver(message: BusMessage) -> list[BusMessage]:
        nonlocal left
        left -= 1
        return [message] if left >= 0 else []

    return deliver


@asynccontextmanager
async def followed(relay: Relay, execution_id: UUID) -> AsyncGenerator["asyncio.Task[list[LogEntry]]"]:
    """A viewer from the start; its task ends with the log."""

    async def follow() -> list[LogEntry]:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return [entry async for entry in relay.follow(execution_id, 0, is_new=True)]

    following = asyncio.create_task(follow())
    try:
        yield following
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


@pytest.mark.parametrize(
    "deliver",
    [nothing, twice, backwards(), every_other(), hints, cut_after_three()],
    ids=["dead", "twice", "backwards", "every other", "hints", "cut"],
)
async def test_a_faulty_bus_leaves_no_gap_and_no_duplicate(
    here: World, deliver: Callable[[BusMessage], list[BusMessage]]
) -> None:
    here.bus = bus = Bus(deliver)
    here.mcp.words = WORDS
    here.mcp.gate, here.mcp.gate_after = Gate(), 15
    relay = Relay(here.log)

    async with bus.subscribe(relay.receive), here.worker():
        execution_id = await here.start()
        async with followed(relay, execution_id) as viewer:
            await here.wait_for_text(execution_id, WORDS[0])
            here.mcp.gate.opened.set()
            seen = await viewer

    assert seen == await here.logs.entries(execution_id, 0, 1_000)


async def test_a_healthy_bus_brings_every_event_without_polls(here: World) -> None:
    here.bus = bus = Bus()
    here.mcp.words = WORDS
    here.mcp.gate, here.mcp.gate_after = Gate(), 15
    relay = Relay(here.log, RARE)

    async with bus.subscribe(relay.receive):
        execution_id = await here.start()
        async with followed(relay, execution_id) as viewer:
            await asyncio.sleep(0.2)
            async with here.worker():
                await here.mcp.gate.reached.wait()
                await asyncio.sleep(0.2)
                here.mcp.gate.opened.set()
                seen = await viewer

    assert seen == await here.logs.entries(execution_id, 0, 1_000)
    assert [entry.sequence for entry in bus.published] == list(range(2, len(seen) + 1))


async def test_what_is_published_is_what_is_stored_after_failed_attempts_too(here: World) -> None:
    here.bus = bus = Bus()
    here.mcp.words = WORDS
    here.mcp.failures = [unavailable(), unavailable()]
    here.mcp.fail_after = 10

    async with here.worker():
        execution_id = await here.start()
        await here.events(execution_id)

    stored = await here.logs.entries(execution_id, 0, 1_000)
    assert sorted(set(bus.published)) == stored[1:]


async def test_a_killed_publisher_and_its_successor_leave_no_gap(here: World) -> None:
    here.mcp.words = WORDS
    here.mcp.gate, here.mcp.gate_after = Gate(), 15
    relay = Relay(here.log)
    with TemporaryDirectory(prefix="dynavera-") as folder:
        first, second = LocalBus(Path(folder)), LocalBus(Path(folder))
        async with first.subscribe(relay.receive):
            execution_id = await here.start()
            async with followed(relay, execution_id) as viewer:
                here.bus = first
                async with first.connecting(), here.worker():
                    await here.wait_for_text(execution_id, WORDS[0])
                here.bus = second
                here.mcp.gate.opened.set()
                async with second.connecting(), here.worker():
                    seen = await viewer

    assert seen == await here.logs.entries(execution_id, 0, 1_000)
