"""One at a time, in the order of asking."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager


class Turns:
    """A queue for something that one alone can use."""

    def __init__(self) -> None:
        self._tickets: list[Ticket] = []

    def __len__(self) -> int:
        """How many use it or wait for it."""
        return len(self._tickets)

    @contextmanager
    def ticket(self) -> Generator["Ticket"]:
        """A place at the end of the queue, for as long as this is open."""
        ticket = Ticket(self._tickets)
        self._tickets.append(ticket)
        try:
            yield ticket
        finally:
            self._tickets.remove(ticket)
            for each in self._tickets:
                each.moved.set()


class Ticket:
    """A place in a queue."""

    def __init__(self, tickets: list["Ticket"]) -> None:
        self.moved = asyncio.Event()
        self._tickets = tickets

    async def places(self, patience: float) -> AsyncGenerator[int]:
        """The place in the queue, each time that it changes: 1 is the next; ends when it is one's turn.

        Raises:
            TimeoutError: it took longer than `patience`, in seconds.
        """
        deadline = asyncio.get_running_loop().time() + patience
        told = 0
        while True:
            self.moved.clear()
            place = self._tickets.index(self)
            if place == 0:
                return
            if place != told:
                told = place
                yield place
            async with asyncio.timeout_at(deadline):
                await self.moved.wait()
