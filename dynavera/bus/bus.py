"""The event bus as its users see it."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from dynavera.bus.messages import BusMessage

Receive = Callable[[BusMessage], None]


class EventBus(Protocol):
    """Delivers each message at most once: it may be lost, late, repeated or out of order."""

    def publish(self, message: BusMessage) -> None:
        """Send a message to all subscribers, without waiting; it is dropped when that is not possible now."""
        ...

    def subscribe(self, receive: Receive) -> AbstractAsyncContextManager[None]:
        """Call `receive` with each message while the block runs."""
        ...


class NoBus:
    """Delivers nothing: everything works without a bus, with more polls."""

    def publish(self, message: BusMessage) -> None:
        """Drop the message."""

    @asynccontextmanager
    async def subscribe(self, receive: Receive) -> AsyncGenerator[None]:  # noqa: ARG002 -- the protocol's signature
        """Receive nothing."""
        yield
