"""A scene: executions in several phases at once, one fault that strikes them all, and what became of each."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.chaos.checks import Verdict, judged
from benchmarks.chaos.client import ApiAway
from benchmarks.chaos.faults import Fault
from benchmarks.chaos.phases import COLUMNS, Phase, plan_for, reach, strike_now
from benchmarks.chaos.product import Layout, NotReady
from benchmarks.chaos.proxy import Mode
from benchmarks.chaos.trials import Bench, NotReached, Trial

HEALTHY_SECONDS = 60
HELD_SECONDS = 5
"""How long a stop has to end an execution that is held in its phase; then the hold is let go."""


@dataclass(frozen=True)
class Scene:
    """A fault, the phases it strikes, and whether a stop is asked for as soon as it has struck."""

    fault: Fault
    layout: Layout = "apart"
    phases: tuple[Phase, ...] = COLUMNS
    stops: bool = False
    answers_anew: bool = False

    @property
    def name(self) -> str:
        """What the matrix calls it."""
        return f"{self.fault.name}, model answers anew" if self.answers_anew else self.fault.name


@dataclass
class Played:
    """What a scene has shown; `healthy` is how long after healing the API said that all was well."""

    scene: Scene
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    healthy: float | None = None
    faults: list[str] = field(default_factory=list[str])

    @property
    def survived(self) -> bool:
        """Whether everything did."""
        return not self.faults and all(verdict.survived for verdict in self.verdicts)


async def play(bench: Bench, scene: Scene) -> Played:
    """Play a scene to its end."""
    played = Played(scene)
    unfit = len(bench.api.unfit)
    trials = [
        (phase, await bench.trial(phase.value, plan_for(phase, bench.rate, answers_anew=scene.answers_anew)))
        for phase in sorted(scene.phases, key=list(Phase).index)
    ]
    try:
        for phase, trial in trials:
            await reach(bench, trial, phase)
        await _struck(bench, scene, trials, played)
    except (NotReached, NotReady, ApiAway) as error:
        played.faults.append(str(error))
    finally:
        _open_all_gates(bench, [trial for _, trial in trials])
        bench.product.links["mcp"].turn(Mode.PASS)
    verdicts = await asyncio.gather(*(judged(bench, trial) for _, trial in trials))
    played.verdicts = sorted(verdicts, key=lambda verdict: [one.value for one in COLUMNS].index(verdict.phase))
    played.faults += bench.api.unfit[unfit:]
    return played


async def _struck(bench: Bench, scene: Scene, trials: Sequence[tuple[Phase, Trial]], played: Played) -> None:
    """Strike, let everything go on, heal, and wait until the product is well."""
    everyone = [trial for _, trial in trials]
    for phase, trial in trials:
        await strike_now(bench, trial, phase)
    struck_at = time.monotonic()
    for trial in everyone:
        trial.struck_at = struck_at
    await scene.fault.strike(bench.product)
    going_on = asyncio.create_task(_go_on(bench, scene, trials))
    try:
        await asyncio.sleep(scene.fault.seconds)
    finally:
        await scene.fault.heal(bench.product)
    healed_at = time.monotonic()
    await going_on
    _open_all_gates(bench, everyone)
    await bench.product.healthy(HEALTHY_SECONDS)
    played.healthy = time.monotonic() - healed_at
    for trial in everyone:
        trial.healed_at = time.monotonic()


async def _go_on(bench: Bench, scene: Scene, trials: Sequence[tuple[Phase, Trial]]) -> None:
    """What clients and the model do while the fault lasts."""
    everyone = [trial for _, trial in trials]
    if not scene.stops:
        _open_all_gates(bench, everyone)
    await asyncio.gather(*(_act(bench, scene, phase, trial) for phase, trial in trials))
    if scene.stops:
        ends = [asyncio.create_task(trial.sse.ended.wait()) for trial in everyone]
        _, late = await asyncio.wait(ends, timeout=HELD_SECONDS + scene.fault.seconds)
        for one in late:
            one.cancel()


async def _act(bench: Bench, scene: Scene, phase: Phase, trial: Trial) -> None:
    if phase is Phase.QUEUED:
        await bench.start(trial)
    if scene.stops:
        await bench.stop(trial)


def _open_all_gates(bench: Bench, trials: Sequence[Trial]) -> None:
    """Nothing of ours holds the executions any more."""
    for trial in trials:
        trial.plan.open_all()
    link = bench.product.links["mcp"]
    if link.mode is Mode.HOLD_REQUESTS:
        link.turn(Mode.PASS)
