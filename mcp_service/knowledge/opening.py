"""The knowledge is opened beside what needs none: an answer that a restart broke off goes on before it is there."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar

from starlette import status

from mcp_service.knowledge.knowledge import Knowledge
from mcp_service.refusals import Refused

WAIT_SECONDS = 10
"""How long a call waits for the knowledge: opening it takes a second, catching up with many changes minutes."""

COME_BACK_SECONDS = 2


class NotOpenYet(Refused):
    """The knowledge is being opened."""

    code: ClassVar[str] = "opening"
    status: ClassVar[int] = status.HTTP_503_SERVICE_UNAVAILABLE
    retryable: ClassVar[bool] = True
    retry_after_seconds = COME_BACK_SECONDS


class OpeningKnowledge:
    """The knowledge, while it is being opened and once it is open."""

    def __init__(self, knowledge: AbstractAsyncContextManager[Knowledge]) -> None:
        self._knowledge = knowledge
        self._opened: asyncio.Future[Knowledge] = asyncio.get_running_loop().create_future()

    async def opened(self) -> Knowledge:
        """The knowledge, as soon as it is open.

        Raises:
            NotOpenYet: that takes too long to wait for.
        """
        if not self._opened.done():
            await asyncio.wait({self._opened}, timeout=WAIT_SECONDS)
        if not self._opened.done() or self._opened.cancelled():
            raise NotOpenYet("The knowledge base is still being opened. Try again in a moment.")
        return self._opened.result()

    async def is_open(self) -> bool:
        """Whether it could be opened, once that is known."""
        await asyncio.wait({self._opened})
        return not self._opened.cancelled()

    @asynccontextmanager
    async def under_way(self) -> AsyncGenerator[None]:
        """Begin to open it, and close it at the end; what kept it from being opened is raised at the end too."""
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
