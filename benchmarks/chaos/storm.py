"""Many executions under a storm: parts are killed and frozen at random moments, all the time."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.chaos.checks import SETTLED_SECONDS, Verdict, judged
from benchmarks.chaos.client import ApiAway
from benchmarks.chaos.faults import Fault, Freeze, Kill
from benchmarks.chaos.model import Plan
from benchmarks.chaos.product import PARTS, NotReady
from benchmarks.chaos.trials import Bench, Trial

STOPPED = 0.1
"""The share of the executions that somebody stops."""

RATE = 20.0
QUIET_FROM, QUIET_TO = 8.0, 22.0
FREEZE_FROM, FREEZE_TO = 5.0, 20.0


@dataclass
class Storm:
    """`executions` in all, `at_once` at any time, in about `seconds`."""

    bench: Bench
    executions: int = 200
    at_once: int = 12
    seconds: float = 600
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    faults: list[str] = field(default_factory=list[str])
    struck: Counter[str] = field(default_factory=Counter[str])
    _left: int = 0
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def rage(self) -> None:
        """Begin, and come back when every execution has been judged; nothing strikes after `seconds`."""
        self._left = self.executions
        striking = asyncio.create_task(self._strike_at_random())
        try:
            await asyncio.gather(*(self._one_after_the_other() for _ in range(self.at_once)))
        finally:
            striking.cancel()
            await asyncio.gather(striking, return_exceptions=True)

    async def _one_after_the_other(self) -> None:
        while self._left > 0:
            self._left -= 1
            self.verdicts.append(await self._one())
            if len(self.verdicts) % 10 == 0:
                print(f"storm: {len(self.verdicts)} of {self.executions} have ended", flush=True)

    async def _one(self) -> Verdict:
        bench, chance = self.bench, self.bench.chance
        lasts = self.seconds * self.at_once / self.executions * chance.uniform(0.3, 1.5)
        trial = await bench.trial("storm", Plan(tokens=max(20, int(lasts * RATE)), rate=RATE, prompt_delay=0.3))
        trial.struck_at = time.monotonic()
        try:
            await bench.start(trial)
            if chance.random() < STOPPED:
                await asyncio.sleep(chance.uniform(0, lasts))
                await bench.stop(trial)
            await self._until_over(trial, lasts)
        except (ApiAway, TimeoutError) as error:
            trial.sse.complaints.append(f"given up: {error!r}")
        trial.healed_at = time.monotonic()
        return await judged(bench, trial)

    async def _until_over(self, trial: Trial, lasts: float) -> None:
        """Wait for the end: as long as the storm lasts, and then as long as the answer takes when nothing strikes."""
        ended = asyncio.create_task(trial.sse.ended.wait())
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({ended, over}, return_when=asyncio.FIRST_COMPLETED)
            async with asyncio.timeout(lasts + SETTLED_SECONDS):
                await ended
        finally:
            ended.cancel()
            over.cancel()

    async def _strike_at_random(self) -> None:
        try:
            await self._strike_until(time.monotonic() + self.seconds)
            await self.bench.product.healthy(SETTLED_SECONDS)
        except NotReady as error:
            self.faults.append(str(error))
        finally:
            self._over.set()

    async def _strike_until(self, end: float) -> None:
        chance = self.bench.chance
        while time.monotonic() < end:
            await asyncio.sleep(chance.uniform(QUIET_FROM, QUIET_TO))
            fault = self._fault()
            await fault.strike(self.bench.product)
            try:
                await asyncio.sleep(fault.seconds)
            finally:
                await fault.heal(self.bench.product)

    def _fault(self) -> Fault:
        chance = self.bench.chance
        part = chance.choice(PARTS)
        draw = chance.random()
        if draw < 0.1:
            self.struck["all four killed"] += 1
            return Kill(PARTS)
        if draw < 0.3:
            self.struck[f"{part} frozen"] += 1
            return Freeze(part, round(chance.uniform(FREEZE_FROM, FREEZE_TO), 1))
        self.struck[f"{part} killed"] += 1
        return Kill((part,))


async def race(bench: Bench, races: int, at_once: int = 20) -> list[Verdict]:
    """Stops that come in the moment in which the execution ends of its own."""
    verdicts: list[Verdict] = []
    for start in range(0, races, at_once):
        verdicts += await asyncio.gather(*(_race(bench) for _ in range(min(at_once, races - start))))
    return verdicts


async def _race(bench: Bench) -> Verdict:
    trial = await bench.trial("race", Plan(tokens=10, rate=100))
    await bench.start(trial)
    model, question = bench.model, trial.question
    await trial.until(lambda: model.emitted(question) >= trial.plan.tokens, "the last token")
    await asyncio.sleep(bench.chance.uniform(0, 0.2))
    trial.struck_at = trial.healed_at = time.monotonic()
    await bench.stop(trial)
    return await judged(bench, trial)
