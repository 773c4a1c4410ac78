"""A first-in, first-out queue for a resource that a limited number of callers use at a time."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager
from datetime import timedelta

from mcp_service.generators.generator import GeneratorAway, StatusNote


class WaitQueue:
    """The callers that use or wait for the resource; `capacity` of them use it, None for all."""

    def __init__(self, capacity: int | None = 1) -> None:
        self.capacity = capacity
        self._tickets: list[Ticket] = []

    def __len__(self) -> int:
        """How many use it or wait for it."""
        return len(self._tickets)

    @contextmanager
    def ticket(self) -> Generator["Ticket"]:
        """A place at the end of the queue, until this is closed."""
        ticket = Ticket(self, self._tickets)
        self._tickets.append(ticket)
        try:
            yield ticket
        finally:
            self._tickets.remove(ticket)
            for each in self._tickets:
                each.moved.set()


class Ticket:
    """A place in the queue."""

    def __init__(self, queue: WaitQueue, tickets: list["Ticket"]) -> None:
        self.moved = asyncio.Event()
        self._queue = queue
        self._tickets = tickets

    @property
    def is_newest(self) -> bool:
        """Whether no other caller has come since."""
        return self._tickets[-1] is self

    async def notes(self, name: str, timeout: timedelta) -> AsyncGenerator[StatusNote]:
        """A note for each position in the queue of the generator `name`, until it is this caller's turn.

        Raises:
            GeneratorAway: it took longer than `timeout`.
        """
        seconds = timeout.total_seconds()
        try:
            async with aclosing(self.positions(seconds)) as positions:
                async for position in positions:
                    yield StatusNote(f"{ordinal(position)} in the queue for {name}.")
        except TimeoutError as error:
            raise GeneratorAway(
                f"{name!r} was busy with other answers for {seconds:g} s. DYNAVERA_QUEUE_TIMEOUT sets the limit."
            ) from error

    async def positions(self, timeout_seconds: float) -> AsyncGenerator[int]:
        """The position (1 is next) whenever it changes; ends when it is the caller's turn.

        Raises:
            TimeoutError: it took longer than `timeout_seconds`.
        """
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        reported = 0
        while True:
            self.moved.clear()
            capacity = self._queue.capacity
            position = 0 if capacity is None else self._tickets.index(self) - capacity + 1
            if position <= 0:
                return
            if position != reported:
                reported = position
                yield position
            async with asyncio.timeout_at(deadline):
                await self.moved.wait()


def ordinal(position: int) -> str:
    """1st, 2nd, 3rd …"""
    is_teen = position % 100 in (11, 12, 13)
    return f"{position}{'th' if is_teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(position % 10, 'th')}"
