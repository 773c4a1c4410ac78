"""Clients that take an answer so slowly that it stays in memory for hours."""

import asyncio

from dynavera.limits import MIN_READ_RATE, READ_RATE_WINDOW


class SlowReaderCheck:
    """Ends a connection whose client does not take `MIN_READ_RATE` bytes a second; it runs between start and stop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._next: asyncio.TimerHandle | None = None

    def start(self, transport: asyncio.Transport) -> None:
        """Look at what is unsent, again and again."""
        self.stop()
        unsent = transport.get_write_buffer_size()
        self._next = self._loop.call_later(READ_RATE_WINDOW.total_seconds(), self._look, transport, unsent)

    def stop(self) -> None:
        """Look no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _look(self, transport: asyncio.Transport, unsent_before: int) -> None:
        taken = unsent_before - transport.get_write_buffer_size()
        if taken < MIN_READ_RATE * READ_RATE_WINDOW.total_seconds():
            transport.abort()
        else:
            self.start(transport)
