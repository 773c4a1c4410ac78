"""Kills the first start of an instance at a random moment; the second start must work without manual repair."""

import asyncio
import random
import time
from dataclasses import dataclass

from benchmarks.chaos.checks import Verdict, check_trial
from benchmarks.chaos.environment import Run, bench_for
from benchmarks.chaos.model import ModelServer, Plan
from benchmarks.chaos.product import NotReady, product
from benchmarks.chaos.serving import serving
from benchmarks.chaos.trials import Bench

MAX_DELAY_SECONDS = 10.0
"""About as long as a first start takes: it is killed at a random moment within this time."""


@dataclass(frozen=True)
class FirstStart:
    """The times, in seconds, until the first start was killed and the second one was ready."""

    killed_after: float
    ready_after: float | None
    failure: str = ""

    @property
    def survived(self) -> bool:
        """Whether the second start worked and an execution completed."""
        return not self.failure


async def run_first_starts(run: Run, count: int) -> list[FirstStart]:
    """Try `count` first starts, each in a new data directory."""
    rng = random.Random(f"{run.seed}/first")
    results: list[FirstStart] = []
    for number in range(count):
        results.append(await _try(run, f"first-{number}", rng.uniform(0, MAX_DELAY_SECONDS)))
        print(_line(results[-1]), flush=True)
    return results


async def _try(run: Run, name: str, delay: float) -> FirstStart:
    model = ModelServer(run.seed)
    async with (
        serving(model) as port,
        product(run.folder / name, "together", port) as instance,
        bench_for(run, instance, model) as bench,
    ):
        await instance.start_up()
        await asyncio.sleep(delay)
        await instance.kill_up()
        try:
            ready_after = await instance.start()
        except NotReady as error:
            return FirstStart(delay, None, str(error))
        verdict = await _run_one(bench)
        return FirstStart(delay, ready_after, "; ".join(verdict.failures))


async def _run_one(bench: Bench) -> Verdict:
    trial = await bench.trial("first", Plan())
    trial.injected_at = time.monotonic()
    await bench.start(trial)
    trial.healed_at = time.monotonic()
    return await check_trial(bench, trial)


def _line(start: FirstStart) -> str:
    ready = f"ready after {start.ready_after:.1f} s" if start.ready_after is not None else "never ready"
    mark = "✓" if start.survived else "✗"
    return f"first start killed after {start.killed_after:.1f} s: {mark} {ready} {start.failure}"
