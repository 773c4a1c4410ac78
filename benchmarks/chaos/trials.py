"""A trial: one execution, the viewers that watch it, and the model's plan for it."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

import httpx
from temporalio.client import Client

from benchmarks.chaos.askers import Asked, Asker
from benchmarks.chaos.client import ApiClient
from benchmarks.chaos.model import ModelServer, Plan
from benchmarks.chaos.product import Product
from benchmarks.chaos.viewers import RestlessSocket, Seen, follow_by_sse

MOST_TOKENS = 8000
POLL_SECONDS = 0.02
REACH_SECONDS = 45


class NotReached(Exception):
    """An execution did not come where the fault was to strike it."""


@dataclass(eq=False)
class Trial:
    """One execution and all that is known of it; times are of this process's monotonic clock."""

    question: str
    plan: Plan
    agent_id: UUID
    phase: str
    execution_id: UUID | None = None
    sse: Seen = field(default_factory=Seen)
    socket: Seen = field(default_factory=Seen)
    asked: Asked = field(default_factory=Asked)
    struck_at: float = 0.0
    healed_at: float = 0.0
    stop_asked_at: float | None = None
    viewers: list["asyncio.Task[None]"] = field(default_factory=list["asyncio.Task[None]"])

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return f"key of {self.question}"

    async def until(self, it_is_so: Callable[[], bool], what: str, seconds: float = REACH_SECONDS) -> None:
        """Wait for something that the viewers or the model will see.

        Raises:
            NotReached: they do not, in time.
        """
        deadline = time.monotonic() + seconds
        while not it_is_so():
            if time.monotonic() > deadline:
                newest = self.sse.events[-1] if self.sse.events else None
                raise NotReached(f"{self.question}: {what} did not come within {seconds:g} s; the newest is {newest}")
            await asyncio.sleep(POLL_SECONDS)

    def leave(self) -> None:
        """Nobody watches any more."""
        for viewer in self.viewers:
            viewer.cancel()


@dataclass
class Bench:
    """What trials need: the instance, the model, and clients."""

    product: Product
    model: ModelServer
    api: ApiClient
    http: httpx.AsyncClient
    temporal: Client
    chance: random.Random
    rate: float
    asks_every: float | None = None
    """Seconds between two questions about one execution; None: nobody asks."""
    started: list[UUID] = field(default_factory=list[UUID])
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def trial(self, phase: str, plan: Plan) -> Trial:
        """A trial that has not started."""
        number = next(self._numbers)
        question = f"What is chaos {number:04d} of {self.product.layout} made of?"
        self.model.plans[question] = plan
        return Trial(question, plan, await self.api.agent(f"Chaos {number}", MOST_TOKENS), phase)

    async def start(self, trial: Trial) -> UUID:
        """Start the trial's execution, and watch it."""
        execution_id = trial.execution_id = await self.api.start(trial.agent_id, trial.question, trial.key)
        self.started.append(execution_id)
        url, token = self.product.url, self.api.token
        restless = RestlessSocket(url, token, trial.agent_id, execution_id, trial.socket, self.chance)
        trial.viewers = [
            asyncio.create_task(follow_by_sse(self.http, url, token, execution_id, trial.sse)),
            asyncio.create_task(restless.follow()),
        ]
        if self.asks_every is not None:
            ended, asked = trial.sse.ended, trial.asked
            asker = Asker(self.http, self.temporal, url, token, execution_id, self.asks_every, ended, asked)
            trial.viewers.append(asyncio.create_task(asker.ask()))
        return execution_id

    async def stop(self, trial: Trial) -> None:
        """Stop the trial's execution."""
        trial.stop_asked_at = time.monotonic()
        if trial.execution_id is not None:
            await self.api.stop(trial.execution_id)
