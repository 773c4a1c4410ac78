"""Opens the knowledge in the background: generation does not need it, and can continue at once after a restart."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import ClassVar

from starlette import status

from dynavera.web.errors import Refused
from mcp_service.knowledge.knowledge import Knowledge

RETRY_AFTER_SECONDS = 2


class KnowledgeNotReady(Refused):
    """The knowledge is still being opened."""

    code: ClassVar[str] = "opening"
    status: ClassVar[int] = status.HTTP_503_SERVICE_UNAVAILABLE
    retry_after_seconds = RETRY_AFTER_SECONDS


class KnowledgeStartup:
    """The knowledge, while it is being opened and afterwards."""

    def __init__(self, knowledge: AbstractAsyncContextManager[Knowledge], timeout: timedelta) -> None:
        self._knowledge = knowledge
        self._timeout = timeout
        self._opened: asyncio.Future[Knowledge] = asyncio.get_running_loop().create_future()

    async def ready(self) -> Knowledge:
        """The knowledge, once it is open.

        Raises:
            KnowledgeNotReady: it is not open within the timeout.
        """
        if not self._opened.done():
            await asyncio.wait({self._opened}, timeout=self._timeout.total_seconds())
        if not self._opened.done() or self._opened.cancelled():
            raise KnowledgeNotReady("The knowledge base is still being opened. Try again in a moment.")
        return self._opened.result()

    async def opened(self) -> bool:
        """Wait without a timeout; false if the knowledge could not be opened."""
        await asyncio.wait({self._opened})
        return not self._opened.cancelled()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Start opening it, and close it at the end, which raises the error if it could not be opened."""
        holding = asyncio.create_task(self._hold())
        try:
            yield
        finally:
            holding.cancel()
            await asyncio.wait({holding})
            if not holding.cancelled():
                holding.result()

    async def _hold(self) -> None:
        try:
            async with self._knowledge as knowledge:
                self._opened.set_result(knowledge)
                await asyncio.Event().wait()
        finally:
            self._opened.cancel()
