"""Clients that read a response so slowly that it would stay in memory for hours."""

import asyncio

from dynavera.web.limits import HttpLimits


class SlowReaderCheck:
    """Ends a connection whose client reads less than `min_read_rate` bytes a second; runs between start and stop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: HttpLimits) -> None:
        self._loop = loop
        self._window = limits.read_rate_window.total_seconds()
        self._min_bytes = limits.min_read_rate * self._window
        self._next: asyncio.TimerHandle | None = None

    def start(self, transport: asyncio.Transport) -> None:
        """Check the unsent bytes at regular intervals."""
        self.stop()
        unsent = transport.get_write_buffer_size()
        self._next = self._loop.call_later(self._window, self._check, transport, unsent)

    def stop(self) -> None:
        """End the checks."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _check(self, transport: asyncio.Transport, unsent_before: int) -> None:
        read = unsent_before - transport.get_write_buffer_size()
        if read < self._min_bytes:
            transport.abort()
        else:
            self.start(transport)
