"""The phases of an execution in which faults are injected, and how to bring an execution to each."""

from enum import Enum

from benchmarks.chaos.model import Plan
from benchmarks.chaos.proxy import Mode
from benchmarks.chaos.trials import Bench, Trial


class Phase(Enum):
    """The phases of an execution, in the order in which trials must reach them."""

    LAST = "after the last delta"
    OUTCOME = "recording the outcome"
    PROMPT = "before the first delta"
    WAITING = "waiting to retry"
    DELTAS = "between deltas"
    RETRIEVING = "retrieving"
    """After the others, because holding it there holds all requests to the MCP service."""
    QUEUED = "before the start"


COLUMNS = (
    Phase.QUEUED, Phase.RETRIEVING, Phase.WAITING, Phase.PROMPT, Phase.DELTAS, Phase.LAST, Phase.OUTCOME,
)  # fmt: skip
"""The phases in the order of an execution."""


def plan_for(phase: Phase, rate: float, *, restarts_answer: bool = False) -> Plan:
    """The model's plan for an execution that a fault is to hit in `phase`."""
    plan = Plan(tokens=30, rate=3 * rate, prompt_delay=0.2, restarts_answer=restarts_answer)
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
    """Bring the trial's execution to the phase; for the queued phase, it is started only after the fault is injected.

    Raises:
        NotReached: it does not get there.
    """
    model, question, sse = bench.model, trial.question, trial.sse
    if phase is Phase.QUEUED:
        return
    if phase is Phase.RETRIEVING:
        bench.product.links["mcp"].set_mode(Mode.HOLD_REQUESTS)
    await bench.start(trial)
    match phase:
        case Phase.RETRIEVING:
            await trial.until(lambda: sse.stage() == "retrieving", "retrieval")
        case Phase.WAITING:
            await trial.until(lambda: sse.failed_attempts() > 0, "failed attempt")
        case Phase.PROMPT:
            await trial.until(lambda: bool(model.calls_of(question)), "request to the model")
        case Phase.DELTAS:
            await trial.until(lambda: len(sse.deltas()) > 1 and model.emitted(question) > 20, "second delta")
        case Phase.LAST | Phase.OUTCOME:
            await trial.until(lambda: _has_complete_text(bench, trial), "last delta")


async def before_injection(bench: Bench, trial: Trial, phase: Phase) -> None:
    """Let the model end its answer, if the fault is to hit the recording of the outcome.

    Raises:
        NotReached: the model does not end it.
    """
    if phase is Phase.OUTCOME:
        trial.plan.may_end.set()
        calls = bench.model.calls_of(trial.question)
        await trial.until(lambda: calls[-1].ended_at is not None, "end of the answer")


def _has_complete_text(bench: Bench, trial: Trial) -> bool:
    calls = bench.model.calls_of(trial.question)
    return bool(calls) and bool(calls[-1].complete_answer) and trial.sse.text() == calls[-1].complete_answer
