"""A trial: one execution, the viewers that follow it, and the model's plan for it."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

import httpx
from temporalio.client import Client

from benchmarks.chaos.answer_text import shortened
from benchmarks.chaos.client import ApiClient
from benchmarks.chaos.model import ModelServer, Plan
from benchmarks.chaos.pollers import Poller, PollLog
from benchmarks.chaos.product import Product
from benchmarks.chaos.viewers import ReconnectingSocket, ViewerLog, follow_by_sse

MAX_TOKENS = 8000
POLL_SECONDS = 0.02
REACH_TIMEOUT = 45


class NotReached(Exception):
    """Something that a trial waits for did not happen in time."""


@dataclass(eq=False)
class Trial:
    """One execution and all that is known of it; times are of this process's monotonic clock."""

    question: str
    plan: Plan
    agent_id: UUID
    phase: str
    execution_id: UUID | None = None
    sse: ViewerLog = field(default_factory=ViewerLog)
    socket: ViewerLog = field(default_factory=ViewerLog)
    polled: PollLog = field(default_factory=PollLog)
    injected_at: float = 0.0
    healed_at: float = 0.0
    stop_requested_at: float | None = None
    readers: list["asyncio.Task[None]"] = field(default_factory=list["asyncio.Task[None]"])

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return f"key of {self.question}"

    async def until(self, condition: Callable[[], bool], description: str, timeout: float = REACH_TIMEOUT) -> None:
        """Wait for something that the viewers or the model will see.

        Raises:
            NotReached: they do not, in time.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                newest = shortened(self.sse.events[-1]) if self.sse.events else None
                raise NotReached(f"no {description} within {timeout:.1f} s; the newest event is {newest}")
            await asyncio.sleep(POLL_SECONDS)

    def stop_reading(self) -> None:
        """Disconnect the viewers and the poller."""
        for reader in self.readers:
            reader.cancel()


@dataclass
class Bench:
    """The instance, the model and the clients of all trials."""

    product: Product
    model: ModelServer
    api: ApiClient
    http: httpx.AsyncClient
    temporal: Client
    rng: random.Random
    rate: float
    poll_interval: float | None = None
    """Seconds between two polls of one execution; None for no polling."""
    started: list[UUID] = field(default_factory=list[UUID])
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def trial(self, phase: str, plan: Plan) -> Trial:
        """A trial that has not started."""
        number = next(self._numbers)
        question = f"What is chaos {number:04d} of {self.product.layout} made of?"
        self.model.plans[question] = plan
        return Trial(question, plan, await self.api.create_agent(f"Chaos {number}", MAX_TOKENS), phase)

    async def start(self, trial: Trial) -> UUID:
        """Start the trial's execution, and follow it."""
        execution_id = trial.execution_id = await self.api.start(trial.agent_id, trial.question, trial.key)
        self.started.append(execution_id)
        url, token = self.product.url, self.api.token
        socket = ReconnectingSocket(url, token, trial.agent_id, execution_id, trial.socket, self.rng)
        trial.readers = [
            asyncio.create_task(follow_by_sse(self.http, url, token, execution_id, trial.sse)),
            asyncio.create_task(socket.follow()),
        ]
        if self.poll_interval is not None:
            ended, log = trial.sse.ended, trial.polled
            poller = Poller(self.http, self.temporal, url, token, execution_id, self.poll_interval, ended, log)
            trial.readers.append(asyncio.create_task(poller.poll()))
        return execution_id

    async def stop(self, trial: Trial) -> None:
        """Stop the trial's execution."""
        trial.stop_requested_at = time.monotonic()
        if trial.execution_id is not None:
            await self.api.stop(trial.execution_id)
