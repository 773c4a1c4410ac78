"""Somebody who asks about an execution all the time, in every way there is."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError

from benchmarks.chaos.text import shortened

ANSWERS_WITHIN = 3.0
REFUSALS = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass
class Asked:
    """What the answers said: each event by its sequence, and what no answer may say."""

    events: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    complaints: list[str] = field(default_factory=list[str])
    answers: int = 0
    refusals: int = 0

    def see(self, event: dict[str, Any], way: str) -> None:
        """One event, which must be the same whoever is asked and whenever."""
        known = self.events.setdefault(event["sequence"], event)
        if known != event and len(self.complaints) < 3:
            self.complaints.append(f"{way} says {shortened(event)}, before it was {shortened(known)}")

    @property
    def last(self) -> int:
        """The newest event seen."""
        return max(self.events, default=0)


@dataclass
class Asker:
    """Asks the API for the execution and its log, and the workflow itself as Temporal Web does, in turn."""

    http: httpx.AsyncClient
    temporal: Client
    url: str
    token: str
    execution_id: UUID
    every: float
    ended: asyncio.Event
    asked: Asked

    async def ask(self) -> None:
        """Ask until the execution has ended."""
        ways: tuple[Callable[[], Awaitable[None]], ...] = (self._execution, self._log, self._snapshot, self._tail)
        for way in itertools.cycle(ways):
            if self.ended.is_set():
                return
            began = time.monotonic()
            try:
                async with asyncio.timeout(ANSWERS_WITHIN):
                    await way()
                self.asked.answers += 1
            except (httpx.TransportError, RPCError, WorkflowQueryFailedError, TimeoutError, RuntimeError):
                # Parts are away while faults strike; a RuntimeError is a client of Temporal that cannot connect.
                self.asked.refusals += 1
            await asyncio.sleep(max(0.0, began + self.every - time.monotonic()))

    async def _execution(self) -> None:
        await self._get("")

    async def _log(self) -> None:
        self._see(await self._get(f"/events?after={max(0, self.asked.last - 5)}"), "REST")

    async def _snapshot(self) -> None:
        await self._workflow().query("snapshot")

    async def _tail(self) -> None:
        self._see(await self._workflow().query("events", max(1, self.asked.last - 5)), "the workflow")

    def _see(self, page: Any, way: str) -> None:
        events: list[dict[str, Any]] = page["items"] if page is not None else []
        for event in events:
            self.asked.see(event, way)

    def _workflow(self) -> Any:
        return self.temporal.get_workflow_handle(str(self.execution_id))

    async def _get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        response = await self.http.get(f"{self.url}/api/executions/{self.execution_id}{path}", headers=headers)
        if response.is_success:
            return response.json()
        self.asked.refusals += 1
        if response.status_code not in REFUSALS:
            self.asked.complaints.append(f"GET {path or 'the execution'}: {response.status_code} {response.text[:200]}")
        return None
