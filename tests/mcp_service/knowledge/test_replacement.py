"""Searches and replacements of documents are kept apart."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from uuid import uuid4

from dynavera.records.change_log import Scope
from mcp_service.knowledge.replacement import ReplacementGate

HERE, ELSEWHERE = Scope(uuid4(), "default"), Scope(uuid4(), "default")


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Visit:
    """A task that is inside the gate until it may leave."""

    def __init__(self) -> None:
        self.is_inside = False
        self.may_leave = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def search(self, gate: ReplacementGate, scope: Scope = HERE) -> "Visit":
        async def enter() -> None:
            async with gate.searching(scope):
                await self._stay()

        return await self._start(enter())

    async def replace(self, gate: ReplacementGate, scope: Scope = HERE) -> "Visit":
        async def enter() -> None:
            async with gate.replacing(scope):
                await self._stay()

        return await self._start(enter())

    async def leave(self) -> None:
        self.may_leave.set()
        assert self.task is not None
        await self.task

    async def cancel(self) -> None:
        assert self.task is not None
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    async def _stay(self) -> None:
        self.is_inside = True
        try:
            await self.may_leave.wait()
        finally:
            self.is_inside = False

    async def _start(self, entering: Coroutine[None, None, None]) -> "Visit":
        self.task = asyncio.create_task(entering)
        await settle()
        return self


async def test_searches_do_not_wait_for_each_other_or_for_other_scopes() -> None:
    gate = ReplacementGate()

    visits = [
        await Visit().search(gate),
        await Visit().search(gate),
        await Visit().replace(gate, ELSEWHERE),
    ]

    assert all(visit.is_inside for visit in visits)
    await asyncio.gather(*(visit.leave() for visit in visits))


async def test_a_search_waits_for_the_replacement_before_it() -> None:
    gate = ReplacementGate()
    replacement = await Visit().replace(gate)

    search = await Visit().search(gate)

    assert not search.is_inside
    await replacement.leave()
    await settle()
    assert search.is_inside
    await search.leave()


async def test_a_replacement_waits_for_the_searches_before_it_and_not_for_later_ones() -> None:
    gate = ReplacementGate()
    early = await Visit().search(gate)
    replacement = await Visit().replace(gate)
    late = await Visit().search(gate)
    assert (replacement.is_inside, late.is_inside) == (False, False)

    await early.leave()
    await settle()

    assert (replacement.is_inside, late.is_inside) == (True, False)
    await replacement.leave()
    await settle()
    assert late.is_inside
    await late.leave()


async def test_a_cancelled_visit_holds_nobody_up() -> None:
    gate = ReplacementGate()
    early = await Visit().search(gate)
    waiting = await Visit().replace(gate)

    await waiting.cancel()
    search = await Visit().search(gate)

    assert search.is_inside
    await early.cancel()
    replacement = await Visit().replace(gate)
    await search.cancel()
    await settle()
    assert replacement.is_inside
    await replacement.leave()
