"""Executions that are polled all the time while their workers are killed twice."""

import asyncio
import signal
import time
from dataclasses import dataclass, field

from benchmarks.chaos.checks import SETTLE_TIMEOUT, Verdict, check_trial
from benchmarks.chaos.client import ApiUnavailable
from benchmarks.chaos.model import Plan
from benchmarks.chaos.product import NotReady
from benchmarks.chaos.trials import POLL_SECONDS, Bench, NotReached, Trial

RATE = 20.0
MAX_DURATION = 12.0
"""Seconds that the longest answer takes."""

STOPPED_SHARE = 0.1
"""The share of the executions that are stopped."""

FIRST_KILL = (1.0, 6.0)
BETWEEN_KILLS = (3.5, 7.0)
"""Seconds before the first kill, and between the two: by the second one, another worker has taken over."""

RESTART_TIMEOUT = 30
"""Seconds within which a killed worker must be back."""


@dataclass
class Watched:
    """`executions` in total, in rounds of `at_once`; in each round a worker is killed twice."""

    bench: Bench
    executions: int = 500
    at_once: int = 25
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    failures: list[str] = field(default_factory=list[str])
    kills: int = 0

    async def run(self) -> None:
        """Run all rounds."""
        for start in range(0, self.executions, self.at_once):
            await self._round(min(self.at_once, self.executions - start))
            failed = sum(not verdict.survived for verdict in self.verdicts)
            print(f"watched: {len(self.verdicts)} of {self.executions} have ended, ✗ {failed}", flush=True)

    async def _round(self, count: int) -> None:
        trials = [await self._trial() for _ in range(count)]
        killing = asyncio.create_task(self._kill_twice())
        try:
            await asyncio.gather(*(self._start(trial) for trial in trials))
            await killing
            await self.bench.product.wait_until_healthy(SETTLE_TIMEOUT)
        except (NotReady, NotReached, ApiUnavailable) as error:
            self.failures.append(str(error))
        finally:
            killing.cancel()
        for trial in trials:
            trial.healed_at = time.monotonic() + MAX_DURATION
        self.verdicts += await asyncio.gather(*(check_trial(self.bench, trial) for trial in trials))

    async def _trial(self) -> Trial:
        tokens = int(RATE * self.bench.rng.uniform(0.2, 1) * MAX_DURATION)
        return await self.bench.trial("watched", Plan(tokens=tokens, rate=RATE, prompt_delay=0.3))

    async def _start(self, trial: Trial) -> None:
        rng = self.bench.rng
        await asyncio.sleep(rng.uniform(0, 3))
        trial.injected_at = time.monotonic()
        await self.bench.start(trial)
        if rng.random() < STOPPED_SHARE:
            await asyncio.sleep(rng.uniform(0, MAX_DURATION))
            await self.bench.stop(trial)

    async def _kill_twice(self) -> None:
        for pause in (FIRST_KILL, BETWEEN_KILLS):
            await asyncio.sleep(self.bench.rng.uniform(*pause))
            await self._kill_worker()

    async def _kill_worker(self) -> None:
        product = self.bench.product
        worker = self.bench.rng.choice(product.workers)
        deadline = time.monotonic() + RESTART_TIMEOUT
        while product.signal(worker, signal.SIGKILL) is None:
            if time.monotonic() > deadline:
                raise NotReached(f"{worker} was not restarted within {RESTART_TIMEOUT} s")
            await asyncio.sleep(POLL_SECONDS)
        self.kills += 1
