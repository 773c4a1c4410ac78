"""A scenario: executions in several phases at once, one fault that hits them all, and the result for each."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.chaos.checks import Verdict, check_trial
from benchmarks.chaos.client import ApiUnavailable
from benchmarks.chaos.faults import Fault
from benchmarks.chaos.phases import COLUMNS, Phase, before_injection, plan_for, reach
from benchmarks.chaos.product import Layout, NotReady
from benchmarks.chaos.proxy import Mode
from benchmarks.chaos.trials import Bench, NotReached, Trial

HEALTHY_TIMEOUT = 60
HOLD_SECONDS = 5
"""How long executions are held in their phases after a stop; then the model and the link are released."""


@dataclass(frozen=True)
class Scenario:
    """A fault, the phases it hits, and whether the executions are stopped right after it."""

    fault: Fault
    layout: Layout = "apart"
    phases: tuple[Phase, ...] = COLUMNS
    stops: bool = False
    restarts_answer: bool = False

    @property
    def name(self) -> str:
        """Its name in the matrix."""
        return f"{self.fault.name}, model restarts the answer" if self.restarts_answer else self.fault.name


@dataclass
class ScenarioResult:
    """The result of a scenario; `healthy_after` is the time in seconds from healing until the API reported ok."""

    scenario: Scenario
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    healthy_after: float | None = None
    failures: list[str] = field(default_factory=list[str])


async def run_scenario(bench: Bench, scenario: Scenario) -> ScenarioResult:
    """Run a scenario to its end."""
    result = ScenarioResult(scenario)
    unexpected_before = len(bench.api.unexpected)
    trials = [
        (phase, await bench.trial(phase.value, plan_for(phase, bench.rate, restarts_answer=scenario.restarts_answer)))
        for phase in sorted(scenario.phases, key=list(Phase).index)
    ]
    try:
        for phase, trial in trials:
            await reach(bench, trial, phase)
        await _inject(bench, scenario, trials, result)
    except (NotReached, NotReady, ApiUnavailable) as error:
        result.failures.append(str(error))
    finally:
        _release(bench, [trial for _, trial in trials])
        bench.product.links["mcp"].set_mode(Mode.PASS)
    verdicts = await asyncio.gather(*(check_trial(bench, trial) for _, trial in trials))
    result.verdicts = sorted(verdicts, key=lambda verdict: [phase.value for phase in COLUMNS].index(verdict.phase))
    result.failures += bench.api.unexpected[unexpected_before:]
    return result


async def _inject(
    bench: Bench, scenario: Scenario, trials: Sequence[tuple[Phase, Trial]], result: ScenarioResult
) -> None:
    """Inject the fault, let the executions continue, heal it, and wait until the instance is healthy."""
    all_trials = [trial for _, trial in trials]
    for phase, trial in trials:
        await before_injection(bench, trial, phase)
    injected_at = time.monotonic()
    for trial in all_trials:
        trial.injected_at = injected_at
    await scenario.fault.inject(bench.product)
    continuing = asyncio.create_task(_continue(bench, scenario, trials))
    try:
        await asyncio.sleep(scenario.fault.seconds)
    finally:
        await scenario.fault.heal(bench.product)
    healed_at = time.monotonic()
    await continuing
    _release(bench, all_trials)
    await bench.product.wait_until_healthy(HEALTHY_TIMEOUT)
    result.healthy_after = time.monotonic() - healed_at
    for trial in all_trials:
        trial.healed_at = time.monotonic()


async def _continue(bench: Bench, scenario: Scenario, trials: Sequence[tuple[Phase, Trial]]) -> None:
    """Let the clients and the model act during the fault."""
    all_trials = [trial for _, trial in trials]
    if not scenario.stops:
        _release(bench, all_trials)
    await asyncio.gather(*(_act(bench, scenario, phase, trial) for phase, trial in trials))
    if scenario.stops:
        ends = [asyncio.create_task(trial.sse.ended.wait()) for trial in all_trials]
        _, pending = await asyncio.wait(ends, timeout=HOLD_SECONDS + scenario.fault.seconds)
        for task in pending:
            task.cancel()


async def _act(bench: Bench, scenario: Scenario, phase: Phase, trial: Trial) -> None:
    if phase is Phase.QUEUED:
        await bench.start(trial)
    if scenario.stops:
        await bench.stop(trial)


def _release(bench: Bench, trials: Sequence[Trial]) -> None:
    """Release executions that are held in their phases."""
    for trial in trials:
        trial.plan.open_all()
    link = bench.product.links["mcp"]
    if link.mode is Mode.HOLD_REQUESTS:
        link.set_mode(Mode.PASS)
