"""Searches see a replaced document in its old or its new version."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from dynavera.records.change_log import Scope


class ReplacementGate:
    """Keeps searches of a scope and replacements of its documents apart.

    The records change in one moment, and the indexes later; between the two, a search finds neither version. It waits
    until the indexes have the new one, and the replacement waits for the searches that have begun.
    """

    def __init__(self) -> None:
        self._searches: Counter[Scope] = Counter()
        self._replacements: Counter[Scope] = Counter()
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def searching(self, scope: Scope) -> AsyncGenerator[None]:
        """Search in `scope`, once no document of it is being replaced."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._replacements[scope])
            self._searches[scope] += 1
        try:
            yield
        finally:
            await self._leave(self._searches, scope)

    @asynccontextmanager
    async def replacing(self, scope: Scope) -> AsyncGenerator[None]:
        """Replace documents of `scope`, once the searches in it have ended; no new one begins."""
        async with self._changed:
            self._replacements[scope] += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._searches[scope])
            yield
        finally:
            await self._leave(self._replacements, scope)

    async def _leave(self, counter: "Counter[Scope]", scope: Scope) -> None:
        # A cancelled task must leave too.
        counter[scope] -= 1
        if not counter[scope]:
            del counter[scope]
        await asyncio.shield(self._notify())

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
