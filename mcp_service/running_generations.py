"""Running generations by their operation ids, so that their users can stop them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

import anyio

from dynavera.contracts.contract import utc_now
from dynavera.contracts.mcp import GenerationStopped


class Operation:
    """A running generation, inside `scope`; it ends when the generator has released its model."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.characters = 0
        self._ended = anyio.Event()

    async def stop(self) -> None:
        """Stop it, and wait for its end."""
        self.scope.cancel()
        await self._ended.wait()

    def end(self) -> None:
        """Mark it as ended."""
        self._ended.set()


class Operations:
    """The generations of this process; each user can stop only their own."""

    def __init__(self) -> None:
        self._running: dict[tuple[UUID, str], Operation] = {}

    @asynccontextmanager
    async def running(self, user_id: UUID, operation_id: str | None) -> AsyncGenerator[Operation]:
        """A new generation; one with the same id that still runs is stopped first, so that two never write at once."""
        operation = Operation()
        if operation_id is None:
            yield operation
            return
        key = (user_id, operation_id)
        while (older := self._running.get(key)) is not None:
            await older.stop()
        self._running[key] = operation
        try:
            yield operation
        finally:
            del self._running[key]
            operation.end()

    async def stop(self, user_id: UUID, operation_id: str) -> GenerationStopped:
        """Stop a generation of the user, if it runs, and wait for its end."""
        operation = self._running.get((user_id, operation_id))
        if operation is not None:
            await operation.stop()
        return GenerationStopped(
            stopped=operation is not None,
            characters=0 if operation is None else operation.characters,
            acknowledged_at=utc_now(),
        )
