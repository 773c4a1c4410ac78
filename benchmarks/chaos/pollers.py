"""Reads an execution continually, in every way there is: from the API, and from the workflow by query."""

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

from benchmarks.chaos.answer_text import shortened

RESPONSE_TIMEOUT = 3.0
REFUSALS = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
MAX_VIOLATIONS = 3


@dataclass
class PollLog:
    """The events that the responses contained, by sequence, and what no response may contain."""

    events: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    violations: list[str] = field(default_factory=list[str])

    def record(self, event: dict[str, Any], source: str) -> None:
        """Add an event, which must be the same in every response from every source."""
        known = self.events.setdefault(event["sequence"], event)
        if known != event and len(self.violations) < MAX_VIOLATIONS:
            self.violations.append(f"{source} has {shortened(event)}, earlier it was {shortened(known)}")

    @property
    def last(self) -> int:
        """The sequence of the newest event."""
        return max(self.events, default=0)


@dataclass
class Poller:
    """Reads the execution and its log from the API, and queries the workflow as Temporal Web does, in turn."""

    http: httpx.AsyncClient
    temporal: Client
    url: str
    token: str
    execution_id: UUID
    interval: float
    ended: asyncio.Event
    log: PollLog

    async def poll(self) -> None:
        """Poll until the execution has ended."""
        reads: tuple[Callable[[], Awaitable[None]], ...] = (
            self._read_execution,
            self._read_log,
            self._query_snapshot,
            self._query_tail,
        )
        for read in itertools.cycle(reads):
            if self.ended.is_set():
                return
            started = time.monotonic()
            try:
                async with asyncio.timeout(RESPONSE_TIMEOUT):
                    await read()
            except (httpx.TransportError, RPCError, WorkflowQueryFailedError, TimeoutError, RuntimeError):
                # Parts are unavailable during faults; a RuntimeError is a client of Temporal that cannot connect.
                pass
            await asyncio.sleep(max(0.0, started + self.interval - time.monotonic()))

    async def _read_execution(self) -> None:
        await self._get("")

    async def _read_log(self) -> None:
        self._record(await self._get(f"/events?after={max(0, self.log.last - 5)}"), "REST")

    async def _query_snapshot(self) -> None:
        await self._workflow().query("snapshot")

    async def _query_tail(self) -> None:
        self._record(await self._workflow().query("events", max(1, self.log.last - 5)), "the workflow")

    def _record(self, page: Any, source: str) -> None:
        events: list[dict[str, Any]] = page["items"] if page is not None else []
        for event in events:
            self.log.record(event, source)

    def _workflow(self) -> Any:
        return self.temporal.get_workflow_handle(str(self.execution_id))

    async def _get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        response = await self.http.get(f"{self.url}/api/executions/{self.execution_id}{path}", headers=headers)
        if response.is_success:
            return response.json()
        if response.status_code not in REFUSALS:
            self.log.violations.append(f"GET {path or 'the execution'}: {response.status_code} {response.text[:200]}")
        return None
