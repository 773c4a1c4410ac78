"""The connection as the answer to one request sees it."""

import asyncio
from collections.abc import Callable


class AnswerTransport(asyncio.Transport):
    """Writes to a connection; how it is closed after the answer is for the protocol to say."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        super().__init__()
        self._transport = transport
        self._close = close

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`."""
        self._transport.write(data)

    def is_closing(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close after what was written."""
        self._close()
