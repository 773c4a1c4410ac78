"""What must hold of an execution when everything is over: clients, records, Temporal and the model agree."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from benchmarks.chaos.askers import Asked
from benchmarks.chaos.client import ApiAway
from benchmarks.chaos.text import rest_after, shortened, tokens_of
from benchmarks.chaos.trials import Bench, NotReached, Trial
from benchmarks.chaos.viewers import TERMINAL, Seen
from dynavera.contracts.executions import Execution

FINAL = {"completed": "execution_completed", "failed": "execution_error", "stopped": "execution_stopped"}
IN_TEMPORAL = {
    "completed": WorkflowExecutionStatus.COMPLETED,
    "failed": WorkflowExecutionStatus.FAILED,
    "stopped": WorkflowExecutionStatus.CANCELED,
}
STOPPED_WITHOUT_WORKFLOW = "its workflow did not answer"
"""In the last event of an execution whose workflow did not hear a stop in time, so that the API ended both."""

SETTLED_SECONDS = 60
"""How long after all faults have healed everything must be in its end."""

ON_THE_WAY_SECONDS = 1.0
"""Tokens that a model emits so soon after the end were on their way."""


@dataclass
class Verdict:
    """What became of a trial; no fault found means that it survived."""

    phase: str
    question: str
    status: str = "lost"
    faults: list[str] = field(default_factory=list[str])
    silence: float = 0.0
    paid_twice: int = 0
    after_the_end: int = 0
    stop_reached_model: float | None = None
    stop_seen: float | None = None

    @property
    def survived(self) -> bool:
        """Whether nothing was found."""
        return not self.faults


async def judged(bench: Bench, trial: Trial) -> Verdict:
    """Wait for the trial's end, and look at it from every side."""
    verdict = Verdict(trial.phase, trial.question)
    try:
        await _judge(bench, trial, verdict)
    except (NotReached, ApiAway) as error:
        verdict.faults.append(str(error))
    finally:
        trial.leave()
    return verdict


async def _judge(bench: Bench, trial: Trial, verdict: Verdict) -> None:
    if trial.execution_id is None:
        verdict.faults.append("it was never accepted")
        return
    deadline = max(trial.healed_at, time.monotonic() - SETTLED_SECONDS / 2) + SETTLED_SECONDS
    left = deadline - time.monotonic()
    await trial.until(trial.sse.ended.is_set, "the terminal event by SSE", left)
    await trial.until(trial.socket.ended.is_set, "the terminal event by WebSocket", max(left / 2, 10))
    execution = await bench.api.execution(trial.execution_id)
    log = await bench.api.log(trial.execution_id)
    verdict.status = execution.status
    verdict.faults += [
        *trial.sse.complaints,
        *trial.socket.complaints,
        *trial.asked.complaints,
        *_one_log(log, trial.sse, trial.socket, trial.asked),
        *_one_state(execution, log),
        *await _same_in_temporal(bench, trial, execution.status, _expected_in_temporal(execution, log), deadline),
        *_one_answer(execution, log, trial.sse),
        *_right_answer(bench, trial, execution),
        *(prefix for prefix in bench.model.strange_prefixes if prefix.startswith(f"{trial.question}: ")),
        *await _accepted_once(bench, trial),
    ]
    _count(bench, trial, execution, verdict)
    if verdict.after_the_end:
        verdict.faults.append(f"the model wrote {verdict.after_the_end} tokens after the end")


def _one_log(log: Sequence[dict[str, Any]], sse: Seen, socket: Seen, asked: Asked) -> list[str]:
    faults: list[str] = []
    sequences = [event["sequence"] for event in log]
    if sequences != list(range(1, len(log) + 1)):
        faults.append(f"the log is not dense: {sequences[:50]}")
    for name, seen in (("SSE", sse), ("WebSocket", socket)):
        differing = [(one, two) for one, two in zip(log, seen.events, strict=False) if one != two]
        faults += [f"{name} saw {two}, REST says {one}" for one, two in differing[:1]]
        if len(log) != len(seen.events):
            faults.append(f"{name} saw {len(seen.events)} events, REST has {len(log)}")
    stored = {event["sequence"]: event for event in log}
    answered = [(event, stored.get(sequence)) for sequence, event in asked.events.items()]
    faults += [f"an answer was {shortened(one)}, stored is {shortened(two)}" for one, two in answered if one != two][:1]
    return faults


def _one_state(execution: Execution, log: Sequence[dict[str, Any]]) -> list[str]:
    faults: list[str] = []
    ends = [event["sequence"] for event in log if event["type"] in TERMINAL]
    if ends != [len(log)]:
        faults.append(f"terminal events at {ends} of {len(log)}")
    expected = FINAL.get(execution.status)
    if not log or log[-1]["type"] != expected:
        faults.append(f"the row says {execution.status}, the last event {log[-1]['type'] if log else 'nothing'}")
    if log and log[0]["type"] != "execution_started":
        faults.append(f"the first event is {log[0]['type']}")
    return faults


def _expected_in_temporal(execution: Execution, log: Sequence[dict[str, Any]]) -> WorkflowExecutionStatus | None:
    if log and execution.status == "stopped" and STOPPED_WITHOUT_WORKFLOW in log[-1]["message"]:
        return WorkflowExecutionStatus.TERMINATED
    return IN_TEMPORAL.get(execution.status)


async def _same_in_temporal(
    bench: Bench, trial: Trial, status: str, expected: WorkflowExecutionStatus | None, deadline: float
) -> list[str]:
    deadline = max(deadline, time.monotonic() + 5)
    found: WorkflowExecutionStatus | str | None = None
    while found is not expected:
        try:
            handle = bench.temporal.get_workflow_handle(str(trial.execution_id))
            found = (await handle.describe()).status
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND and status == "stopped":
                # Stopped before Temporal was told: it never will be.
                return []
            found = error.status.name
        if time.monotonic() > deadline:
            return [f"the row says {status}, Temporal {found if isinstance(found, str) else found and found.name}"]
        await asyncio.sleep(0.1)
    return []


def _one_answer(execution: Execution, log: Sequence[dict[str, Any]], sse: Seen) -> list[str]:
    stored = _stored(execution)
    messages = [event["content"]["text"] for event in log if event.get("event_type") == "message"]
    faults: list[str] = []
    if sse.text() != stored:
        faults.append(f"the deltas make {_short(sse.text())}, stored is {_short(stored)}")
    if execution.status == "completed" and messages != [stored]:
        faults.append(f"{len(messages)} messages, which are not the stored answer")
    if execution.status == "stopped" and log[-1]["stop"]["characters"] != len(stored):
        faults.append(f"the receipt says {log[-1]['stop']['characters']} characters, kept are {len(stored)}")
    return faults


def _right_answer(bench: Bench, trial: Trial, execution: Execution) -> list[str]:
    stored = _stored(execution)
    calls = bench.model.calls_of(trial.question)
    possible = {call.whole for call in calls} if trial.plan.answers_anew else {bench.model.answer(trial.question)}
    if execution.status != "completed":
        faults = [] if trial.stop_asked_at else [f"it is {execution.status}: {execution.error_message}"]
        if not any(whole.startswith(stored) for whole in possible | {""}):
            faults.append(f"what was kept is not how the answer begins: {_short(stored)}")
        return faults
    return [] if stored in possible else [f"the answer is not what the model wrote: {_short(stored)}"]


async def _accepted_once(bench: Bench, trial: Trial) -> list[str]:
    found = [execution.id for execution in await bench.api.executions_about(trial.question)]
    return [] if found == [trial.execution_id] else [f"one start made {len(found)} executions"]


def _count(bench: Bench, trial: Trial, execution: Execution, verdict: Verdict) -> None:
    stored = _stored(execution)
    calls = bench.model.calls_of(trial.question)
    moments = sorted(moment for call in calls for moment in call.emitted)
    verdict.paid_twice = len(moments) - _tokens_in(bench, trial, stored)
    ended = trial.sse.at[-1]
    over = max(ended, trial.healed_at) + ON_THE_WAY_SECONDS
    verdict.after_the_end = sum(moment > over for moment in moments)
    told = [trial.struck_at, *(at for at, _ in trial.sse.deltas() if at > trial.struck_at), ended]
    verdict.silence = max((later - earlier for earlier, later in pairwise(told)), default=0.0)
    if trial.stop_asked_at is not None and trial.stop_asked_at < ended:
        verdict.stop_seen = ended - trial.stop_asked_at
        gone = [call.left_at for call in calls if call.left_at is not None and call.left_at > trial.stop_asked_at]
        verdict.stop_reached_model = max(gone) - trial.stop_asked_at if gone else None


def _tokens_in(bench: Bench, trial: Trial, answer: str) -> int:
    if trial.plan.answers_anew:
        return trial.plan.tokens if answer else 0
    tokens = tokens_of(bench.model.seed, trial.question, trial.plan.tokens)
    rest = rest_after(tokens, answer)
    return 0 if rest is None else len(tokens) - len(rest)


def _stored(execution: Execution) -> str:
    return execution.output_data.answer if execution.output_data is not None else ""


def _short(text: str) -> str:
    return repr(text) if len(text) < 60 else f"{text[:25]!r} … {text[-25:]!r} ({len(text)})"
