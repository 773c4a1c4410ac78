"""Executions that are asked about all the time, while their workers are killed twice."""

import asyncio
import signal
import time
from dataclasses import dataclass, field

from benchmarks.chaos.checks import SETTLED_SECONDS, Verdict, judged
from benchmarks.chaos.client import ApiAway
from benchmarks.chaos.model import Plan
from benchmarks.chaos.product import NotReady
from benchmarks.chaos.trials import POLL_SECONDS, Bench, NotReached, Trial

RATE = 20.0
LONGEST = 12.0
"""Seconds that the longest answer takes."""

STOPPED = 0.1
"""The share of the executions that somebody stops."""

FIRST_KILL = (1.0, 6.0)
BETWEEN_KILLS = (3.5, 7.0)
"""Seconds before the first kill, and between the two: the second strikes when another worker has taken over."""

RESTARTED_SECONDS = 30
"""How long a worker that was killed may be away."""


@dataclass
class Watched:
    """`executions` in all, in rounds of `at_once`; a worker is killed at two moments of each round."""

    bench: Bench
    executions: int = 500
    at_once: int = 25
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    faults: list[str] = field(default_factory=list[str])
    kills: int = 0

    async def run(self) -> None:
        """Play all rounds."""
        for start in range(0, self.executions, self.at_once):
            await self._round(min(self.at_once, self.executions - start))
            lost = sum(not verdict.survived for verdict in self.verdicts)
            print(f"watched: {len(self.verdicts)} of {self.executions} have ended, ✗ {lost}", flush=True)

    async def _round(self, count: int) -> None:
        trials = [await self._trial() for _ in range(count)]
        killing = asyncio.create_task(self._kill_twice())
        try:
            await asyncio.gather(*(self._start(trial) for trial in trials))
            await killing
            await self.bench.product.healthy(SETTLED_SECONDS)
        except (NotReady, NotReached, ApiAway) as error:
            self.faults.append(str(error))
        finally:
            killing.cancel()
        for trial in trials:
            trial.healed_at = time.monotonic() + LONGEST
        self.verdicts += await asyncio.gather(*(judged(self.bench, trial) for trial in trials))

    async def _trial(self) -> Trial:
        tokens = int(RATE * self.bench.chance.uniform(0.2, 1) * LONGEST)
        return await self.bench.trial("watched", Plan(tokens=tokens, rate=RATE, prompt_delay=0.3))

    async def _start(self, trial: Trial) -> None:
        chance = self.bench.chance
        await asyncio.sleep(chance.uniform(0, 3))
        trial.struck_at = time.monotonic()
        await self.bench.start(trial)
        if chance.random() < STOPPED:
            await asyncio.sleep(chance.uniform(0, LONGEST))
            await self.bench.stop(trial)

    async def _kill_twice(self) -> None:
        for pause in (FIRST_KILL, BETWEEN_KILLS):
            await asyncio.sleep(self.bench.chance.uniform(*pause))
            await self._kill_one()

    async def _kill_one(self) -> None:
        product = self.bench.product
        worker = self.bench.chance.choice(product.workers)
        deadline = time.monotonic() + RESTARTED_SECONDS
        while product.signal(worker, signal.SIGKILL) is None:
            if time.monotonic() > deadline:
                raise NotReached(f"{worker} did not come back within {RESTARTED_SECONDS} s")
            await asyncio.sleep(POLL_SECONDS)
        self.kills += 1
