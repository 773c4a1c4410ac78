"""Checks of an execution after everything has healed: viewers, records, Temporal and the model must agree."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from benchmarks.chaos.answer_text import rest_after, shortened, tokens_of
from benchmarks.chaos.client import ApiUnavailable
from benchmarks.chaos.pollers import PollLog
from benchmarks.chaos.trials import Bench, NotReached, Trial
from benchmarks.chaos.viewers import TERMINAL, ViewerLog
from dynavera.contracts.executions import Execution

FINAL_EVENTS = {"completed": "execution_completed", "failed": "execution_error", "stopped": "execution_stopped"}
TEMPORAL_STATUSES = {
    "completed": WorkflowExecutionStatus.COMPLETED,
    "failed": WorkflowExecutionStatus.FAILED,
    "stopped": WorkflowExecutionStatus.CANCELED,
}
STOPPED_WITHOUT_WORKFLOW = "its workflow did not answer"
"""Part of the last event's message if the workflow did not carry out a stop in time, so that the API terminated it."""

SETTLE_TIMEOUT = 60
"""Seconds after healing within which every execution must have ended."""

IN_FLIGHT_SECONDS = 1.0
"""Tokens that the model emits this soon after the end were still in flight."""


@dataclass
class Verdict:
    """The result of a trial; it survived if there are no failures. Durations are in seconds."""

    phase: str
    question: str
    status: str = "lost"
    failures: list[str] = field(default_factory=list[str])
    silence: float = 0.0
    repeated_tokens: int = 0
    tokens_after_end: int = 0
    stop_to_model: float | None = None
    stop_to_end: float | None = None

    @property
    def survived(self) -> bool:
        """Whether all checks passed."""
        return not self.failures


async def check_trial(bench: Bench, trial: Trial) -> Verdict:
    """Wait for the end of the trial's execution, and check it."""
    verdict = Verdict(trial.phase, trial.question)
    try:
        await _check(bench, trial, verdict)
    except (NotReached, ApiUnavailable) as error:
        verdict.failures.append(str(error))
    finally:
        trial.stop_reading()
    return verdict


async def _check(bench: Bench, trial: Trial, verdict: Verdict) -> None:
    if trial.execution_id is None:
        verdict.failures.append("the start was never accepted")
        return
    deadline = max(trial.healed_at, time.monotonic() - SETTLE_TIMEOUT / 2) + SETTLE_TIMEOUT
    remaining = deadline - time.monotonic()
    await trial.until(trial.sse.ended.is_set, "terminal event by SSE", remaining)
    await trial.until(trial.socket.ended.is_set, "terminal event by WebSocket", max(remaining / 2, 10))
    execution = await bench.api.execution(trial.execution_id)
    log = await bench.api.log(trial.execution_id)
    verdict.status = execution.status
    verdict.failures += [
        *trial.sse.violations,
        *trial.socket.violations,
        *trial.polled.violations,
        *_check_log(log, trial.sse, trial.socket, trial.polled),
        *_check_state(execution, log),
        *await _check_temporal(bench, trial, execution.status, _expected_status(execution, log), deadline),
        *_check_stored_answer(execution, log, trial.sse),
        *_check_model_answer(bench, trial, execution),
        *(prefix for prefix in bench.model.unknown_prefixes if prefix.startswith(f"{trial.question}: ")),
        *await _check_started_once(bench, trial),
    ]
    _measure(bench, trial, execution, verdict)
    if verdict.tokens_after_end:
        verdict.failures.append(f"the model wrote {verdict.tokens_after_end} tokens after the end")


def _check_log(log: Sequence[dict[str, Any]], sse: ViewerLog, socket: ViewerLog, polled: PollLog) -> list[str]:
    failures: list[str] = []
    sequences = [event["sequence"] for event in log]
    if sequences != list(range(1, len(log) + 1)):
        failures.append(f"the log has gaps: {sequences[:50]}")
    for name, viewer in (("SSE", sse), ("WebSocket", socket)):
        different = [(one, two) for one, two in zip(log, viewer.events, strict=False) if one != two]
        failures += [f"{name} sent {shortened(two)}, REST has {shortened(one)}" for one, two in different[:1]]
        if len(log) != len(viewer.events):
            failures.append(f"{name} sent {len(viewer.events)} events, REST has {len(log)}")
    stored = {event["sequence"]: event for event in log}
    responses = [(event, stored.get(sequence)) for sequence, event in polled.events.items()]
    different_responses = [(one, two) for one, two in responses if one != two]
    failures += [f"a poll got {shortened(one)}, stored is {shortened(two)}" for one, two in different_responses[:1]]
    return failures


def _check_state(execution: Execution, log: Sequence[dict[str, Any]]) -> list[str]:
    failures: list[str] = []
    ends = [event["sequence"] for event in log if event["type"] in TERMINAL]
    if ends != [len(log)]:
        failures.append(f"terminal events at {ends} of {len(log)}")
    last = log[-1]["type"] if log else "missing"
    if last != FINAL_EVENTS.get(execution.status):
        failures.append(f"the records have {execution.status}, the last event is {last}")
    if log and log[0]["type"] != "execution_started":
        failures.append(f"the first event is {log[0]['type']}")
    return failures


def _expected_status(execution: Execution, log: Sequence[dict[str, Any]]) -> WorkflowExecutionStatus | None:
    if log and execution.status == "stopped" and STOPPED_WITHOUT_WORKFLOW in log[-1]["message"]:
        return WorkflowExecutionStatus.TERMINATED
    return TEMPORAL_STATUSES.get(execution.status)


async def _check_temporal(
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
                # Stopped before it reached Temporal, so it has no workflow.
                return []
            found = error.status.name
        if time.monotonic() > deadline:
            return [f"the records have {status}, Temporal {found if isinstance(found, str) else found and found.name}"]
        await asyncio.sleep(0.1)
    return []


def _check_stored_answer(execution: Execution, log: Sequence[dict[str, Any]], sse: ViewerLog) -> list[str]:
    stored = _stored_answer(execution)
    messages = [event["content"]["text"] for event in log if event.get("event_type") == "message"]
    failures: list[str] = []
    if sse.text() != stored:
        failures.append(f"the deltas make {_short(sse.text())}, stored is {_short(stored)}")
    if execution.status == "completed" and messages != [stored]:
        failures.append(f"{len(messages)} messages, which are not the stored answer")
    if execution.status == "stopped" and log[-1]["stop"]["characters"] != len(stored):
        failures.append(f"the receipt has {log[-1]['stop']['characters']} characters, the stored answer {len(stored)}")
    return failures


def _check_model_answer(bench: Bench, trial: Trial, execution: Execution) -> list[str]:
    stored = _stored_answer(execution)
    calls = bench.model.calls_of(trial.question)
    if trial.plan.restarts_answer:
        possible = {call.complete_answer for call in calls}
    else:
        possible = {bench.model.answer(trial.question)}
    if execution.status != "completed":
        failures = [] if trial.stop_requested_at else [f"it is {execution.status}: {execution.error_message}"]
        if not any(answer.startswith(stored) for answer in possible | {""}):
            failures.append(f"the stored text is not the beginning of the model's answer: {_short(stored)}")
        return failures
    return [] if stored in possible else [f"the stored text is not the model's answer: {_short(stored)}"]


async def _check_started_once(bench: Bench, trial: Trial) -> list[str]:
    found = [execution.id for execution in await bench.api.executions_about(trial.question)]
    return [] if found == [trial.execution_id] else [f"one start made {len(found)} executions"]


def _measure(bench: Bench, trial: Trial, execution: Execution, verdict: Verdict) -> None:
    calls = bench.model.calls_of(trial.question)
    emitted = sorted(moment for call in calls for moment in call.emitted)
    verdict.repeated_tokens = len(emitted) - _count_tokens(bench, trial, _stored_answer(execution))
    ended = trial.sse.times[-1]
    latest = max(ended, trial.healed_at) + IN_FLIGHT_SECONDS
    verdict.tokens_after_end = sum(moment > latest for moment in emitted)
    deltas = [received_at for received_at, _ in trial.sse.deltas() if received_at > trial.injected_at]
    visible = [trial.injected_at, *deltas, ended]
    verdict.silence = max((later - earlier for earlier, later in pairwise(visible)), default=0.0)
    requested = trial.stop_requested_at
    if requested is not None and requested < ended:
        verdict.stop_to_end = ended - requested
        disconnected = [moment for call in calls if (moment := call.disconnected_at) is not None and moment > requested]
        verdict.stop_to_model = max(disconnected) - requested if disconnected else None


def _count_tokens(bench: Bench, trial: Trial, answer: str) -> int:
    if trial.plan.restarts_answer:
        return trial.plan.tokens if answer else 0
    tokens = tokens_of(bench.model.seed, trial.question, trial.plan.tokens)
    rest = rest_after(tokens, answer)
    return 0 if rest is None else len(tokens) - len(rest)


def _stored_answer(execution: Execution) -> str:
    return execution.output_data.answer if execution.output_data is not None else ""


def _short(text: str) -> str:
    return repr(text) if len(text) < 60 else f"{text[:25]!r} … {text[-25:]!r} ({len(text)})"
