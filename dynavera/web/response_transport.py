"""The transport of one response."""

import asyncio
from collections.abc import Callable


class ResponseTransport(asyncio.Transport):
    """Writes to a connection; the protocol decides how it is closed after the response."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        super().__init__()
        self._transport = transport
        self._close = close

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`."""
        self._transport.write(data)

    def is_closing(self) -> bool:
        """Whether the connection is closing."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close after everything has been sent."""
        self._close()
