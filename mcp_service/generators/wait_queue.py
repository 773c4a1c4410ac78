"""A first-in, first-out queue for a resource that one caller uses at a time."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager


class WaitQueue:
    """The callers that use or wait for the resource."""

    def __init__(self) -> None:
        self._tickets: list[Ticket] = []

    def __len__(self) -> int:
        """How many use it or wait for it."""
        return len(self._tickets)

    @contextmanager
    def ticket(self) -> Generator["Ticket"]:
        """A place at the end of the queue, until this is closed."""
        ticket = Ticket(self._tickets)
        self._tickets.append(ticket)
        try:
            yield ticket
        finally:
            self._tickets.remove(ticket)
            for each in self._tickets:
                each.moved.set()


class Ticket:
    """A place in the queue."""

    def __init__(self, tickets: list["Ticket"]) -> None:
        self.moved = asyncio.Event()
        self._tickets = tickets

    async def positions(self, timeout_seconds: float) -> AsyncGenerator[int]:
        """The position (1 is next) whenever it changes; ends when the ticket is first.

        Raises:
            TimeoutError: it took longer than `timeout_seconds`.
        """
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        reported = 0
        while True:
            self.moved.clear()
            position = self._tickets.index(self)
            if position == 0:
                return
            if position != reported:
                reported = position
                yield position
            async with asyncio.timeout_at(deadline):
                await self.moved.wait()
