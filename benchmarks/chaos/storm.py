"""Many executions during a storm of faults: parts are killed and frozen at random moments."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.chaos.checks import SETTLE_TIMEOUT, Verdict, check_trial
from benchmarks.chaos.client import ApiUnavailable
from benchmarks.chaos.faults import Fault, Freeze, Kill
from benchmarks.chaos.model import Plan
from benchmarks.chaos.product import PARTS, NotReady
from benchmarks.chaos.trials import Bench, Trial

STOPPED_SHARE = 0.1
"""The share of the executions that are stopped."""

RATE = 20.0
PAUSE_SECONDS = (8.0, 22.0)
FREEZE_SECONDS = (5.0, 20.0)


@dataclass
class Storm:
    """`executions` in total, `at_once` at any time, in about `seconds`."""

    bench: Bench
    executions: int = 200
    at_once: int = 12
    seconds: float = 600
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    failures: list[str] = field(default_factory=list[str])
    injected: Counter[str] = field(default_factory=Counter[str])
    _remaining: int = 0
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Run and check all executions; no fault is injected after `seconds`."""
        self._remaining = self.executions
        injecting = asyncio.create_task(self._inject_at_random())
        try:
            await asyncio.gather(*(self._run_in_sequence() for _ in range(self.at_once)))
        finally:
            injecting.cancel()
            await asyncio.gather(injecting, return_exceptions=True)

    async def _run_in_sequence(self) -> None:
        while self._remaining > 0:
            self._remaining -= 1
            self.verdicts.append(await self._run_one())
            if len(self.verdicts) % 10 == 0:
                print(f"storm: {len(self.verdicts)} of {self.executions} have ended", flush=True)

    async def _run_one(self) -> Verdict:
        bench, rng = self.bench, self.bench.rng
        duration = self.seconds * self.at_once / self.executions * rng.uniform(0.3, 1.5)
        trial = await bench.trial("storm", Plan(tokens=max(20, int(duration * RATE)), rate=RATE, prompt_delay=0.3))
        trial.injected_at = time.monotonic()
        try:
            await bench.start(trial)
            if rng.random() < STOPPED_SHARE:
                await asyncio.sleep(rng.uniform(0, duration))
                await bench.stop(trial)
            await self._wait_for_end(trial, duration)
        except (ApiUnavailable, TimeoutError) as error:
            trial.sse.violations.append(f"it did not end: {error!r}")
        trial.healed_at = time.monotonic()
        return await check_trial(bench, trial)

    async def _wait_for_end(self, trial: Trial, duration: float) -> None:
        """Wait for the end: during the storm, and after it for as long as the answer takes without faults."""
        ended = asyncio.create_task(trial.sse.ended.wait())
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({ended, over}, return_when=asyncio.FIRST_COMPLETED)
            async with asyncio.timeout(duration + SETTLE_TIMEOUT):
                await ended
        finally:
            ended.cancel()
            over.cancel()

    async def _inject_at_random(self) -> None:
        try:
            await self._inject_until(time.monotonic() + self.seconds)
            await self.bench.product.wait_until_healthy(SETTLE_TIMEOUT)
        except NotReady as error:
            self.failures.append(str(error))
        finally:
            self._over.set()

    async def _inject_until(self, end: float) -> None:
        while time.monotonic() < end:
            await asyncio.sleep(self.bench.rng.uniform(*PAUSE_SECONDS))
            fault = self._random_fault()
            await fault.inject(self.bench.product)
            try:
                await asyncio.sleep(fault.seconds)
            finally:
                await fault.heal(self.bench.product)

    def _random_fault(self) -> Fault:
        rng = self.bench.rng
        part = rng.choice(PARTS)
        draw = rng.random()
        if draw < 0.1:
            self.injected["all four killed"] += 1
            return Kill(PARTS)
        if draw < 0.3:
            self.injected[f"{part} frozen"] += 1
            return Freeze(part, round(rng.uniform(*FREEZE_SECONDS), 1))
        self.injected[f"{part} killed"] += 1
        return Kill((part,))


async def race(bench: Bench, races: int, at_once: int = 20) -> list[Verdict]:
    """Stop executions in the moment in which they end."""
    verdicts: list[Verdict] = []
    for start in range(0, races, at_once):
        verdicts += await asyncio.gather(*(_race(bench) for _ in range(min(at_once, races - start))))
    return verdicts


async def _race(bench: Bench) -> Verdict:
    trial = await bench.trial("race", Plan(tokens=10, rate=100))
    await bench.start(trial)
    model, question = bench.model, trial.question
    await trial.until(lambda: model.emitted(question) >= trial.plan.tokens, "last token")
    await asyncio.sleep(bench.rng.uniform(0, 0.2))
    trial.injected_at = trial.healed_at = time.monotonic()
    await bench.stop(trial)
    return await check_trial(bench, trial)
