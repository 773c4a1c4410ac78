"""`kill -9` of the very first start at a random moment, and a second start, which must need no hand."""

import asyncio
import random
import time
from dataclasses import dataclass

from benchmarks.chaos.checks import Verdict, judged
from benchmarks.chaos.model import ModelServer, Plan
from benchmarks.chaos.product import NotReady, product
from benchmarks.chaos.serving import serving
from benchmarks.chaos.stage import Run, bench_around
from benchmarks.chaos.trials import Bench

LATEST_SECONDS = 10.0
"""A first start takes about so long: the moments to kill it are drawn from it."""


@dataclass(frozen=True)
class FirstStart:
    """When the first start was killed, and what the second one did."""

    killed_after: float
    ready_after: float | None
    fault: str = ""

    @property
    def survived(self) -> bool:
        """Whether the second start came up and answered."""
        return not self.fault


async def try_first_starts(run: Run, tries: int) -> list[FirstStart]:
    """Each try has a new data directory."""
    chance = random.Random(f"{run.seed}/first")
    found: list[FirstStart] = []
    for number in range(tries):
        found.append(await _try(run, f"first-{number}", chance.uniform(0, LATEST_SECONDS)))
        print(_line(found[-1]), flush=True)
    return found


async def _try(run: Run, name: str, moment: float) -> FirstStart:
    model = ModelServer(run.seed)
    async with (
        serving(model) as port,
        product(run.folder / name, "together", port) as instance,
        bench_around(run, instance, model) as bench,
    ):
        await instance.start_up()
        await asyncio.sleep(moment)
        await instance.kill_up()
        try:
            took = await instance.start()
        except NotReady as error:
            return FirstStart(moment, None, str(error))
        verdict = await _answered(bench)
        return FirstStart(moment, took, "; ".join(verdict.faults))


async def _answered(bench: Bench) -> Verdict:
    trial = await bench.trial("first", Plan())
    trial.struck_at = time.monotonic()
    await bench.start(trial)
    trial.healed_at = time.monotonic()
    return await judged(bench, trial)


def _line(one: FirstStart) -> str:
    ready = f"ready after {one.ready_after:.1f} s" if one.ready_after is not None else "never ready"
    return f"first start killed after {one.killed_after:.1f} s: {'✓' if one.survived else '✗'} {ready} {one.fault}"
