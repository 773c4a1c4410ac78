"""Previews: what a generator writes, before it is in the log, for viewers that ask for it."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from uuid import UUID

from dynavera.bus.messages import BusMessage, Written

MAX_WAITING = 100
"""Previews that wait for a slow viewer; it does not get further ones."""


@dataclass(frozen=True)
class Previews:
    """Passes previews from the event bus on; they are not stored."""

    _viewers: dict[UUID, set[asyncio.Queue[Written]]] = field(default_factory=dict[UUID, set[asyncio.Queue[Written]]])

    def receive(self, message: BusMessage) -> None:
        """Take a message from the event bus."""
        if isinstance(message, Written):
            for waiting in self._viewers.get(message.execution_id, ()):
                if not waiting.full():
                    waiting.put_nowait(message)

    async def watch(self, execution_id: UUID) -> AsyncGenerator[Written]:
        """The execution's previews from now on, without end."""
        waiting = asyncio.Queue[Written](MAX_WAITING)
        self._viewers.setdefault(execution_id, set()).add(waiting)
        try:
            while True:
                yield await waiting.get()
        finally:
            self._viewers[execution_id].discard(waiting)
            if not self._viewers[execution_id]:
                del self._viewers[execution_id]
