"""Where an execution is when the fault strikes, and how it is brought there."""

from enum import Enum

from benchmarks.chaos.model import Plan
from benchmarks.chaos.proxy import Mode
from benchmarks.chaos.trials import Bench, Trial


class Phase(Enum):
    """The phases of an execution, in the order in which trials must be brought into them."""

    LAST = "after the last delta"
    OUTCOME = "outcome is written"
    PROMPT = "before the first delta"
    WAITING = "waiting to try again"
    DELTAS = "between deltas"
    RETRIEVING = "retrieving"
    """After the others: to hold it there, every request to the MCP service is held."""
    QUEUED = "before it has started"


COLUMNS = (
    Phase.QUEUED, Phase.RETRIEVING, Phase.WAITING, Phase.PROMPT, Phase.DELTAS, Phase.LAST, Phase.OUTCOME,
)  # fmt: skip
"""The phases as they follow each other."""


def plan_for(phase: Phase, rate: float, *, answers_anew: bool = False) -> Plan:
    """What the model does for a trial that is to be struck in `phase`."""
    plan = Plan(tokens=30, rate=3 * rate, prompt_delay=0.2, answers_anew=answers_anew)
    match phase:
        case Phase.LAST | Phase.OUTCOME:
            plan.may_end.clear()
        case Phase.PROMPT:
            plan.may_begin.clear()
        case Phase.WAITING:
            plan.may_answer.clear()
        case Phase.DELTAS:
            plan.tokens, plan.rate = 120, rate
        case Phase.RETRIEVING | Phase.QUEUED:
            pass
    return plan


async def reach(bench: Bench, trial: Trial, phase: Phase) -> None:
    """Bring the trial's execution into the phase; a queued one is started when the fault has struck.

    Raises:
        NotReached: it does not come there.
    """
    model, question, sse = bench.model, trial.question, trial.sse
    if phase is Phase.QUEUED:
        return
    if phase is Phase.RETRIEVING:
        bench.product.links["mcp"].turn(Mode.HOLD_REQUESTS)
    await bench.start(trial)
    match phase:
        case Phase.RETRIEVING:
            await trial.until(lambda: sse.stage() == "retrieving", "retrieval")
        case Phase.WAITING:
            await trial.until(lambda: sse.retries() > 0, "a failed attempt")
        case Phase.PROMPT:
            await trial.until(lambda: bool(model.calls_of(question)), "the model's turn")
        case Phase.DELTAS:
            await trial.until(lambda: len(sse.deltas()) > 1 and model.emitted(question) > 20, "the second delta")
        case Phase.LAST | Phase.OUTCOME:
            await trial.until(lambda: _is_told(bench, trial), "the last delta")


async def strike_now(bench: Bench, trial: Trial, phase: Phase) -> None:
    """The last thing before the fault: let the model say that the answer is whole.

    Raises:
        NotReached: it does not.
    """
    if phase is Phase.OUTCOME:
        trial.plan.may_end.set()
        calls = bench.model.calls_of(trial.question)
        await trial.until(lambda: calls[-1].ended_at is not None, "the answer's end")


def _is_told(bench: Bench, trial: Trial) -> bool:
    calls = bench.model.calls_of(trial.question)
    return bool(calls) and bool(calls[-1].whole) and trial.sse.text() == calls[-1].whole
