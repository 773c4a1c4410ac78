"""Replays every history of a run: whole, and cut after each of its workflow tasks."""

import asyncio
import itertools
import logging
import multiprocessing
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from temporalio.api.enums.v1.event_type_pb2 import EVENT_TYPE_WORKFLOW_TASK_COMPLETED
from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from workflows.agent_execution import AgentExecution

PROCESSES = 2


@dataclass
class ReplayReport:
    """The number of replays, and those that failed."""

    histories: int = 0
    cuts: int = 0
    failures: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        """A summary in one line."""
        return f"Replayed: {self.histories} histories whole, and cut after {self.cuts} workflow tasks.\n"


async def replay_all(temporal: Client, execution_ids: Iterable[UUID]) -> ReplayReport:
    """Replay the histories of the executions as Temporal has them now."""
    report = ReplayReport()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=spawn) as pool:
        loop = asyncio.get_running_loop()
        replays: list[asyncio.Future[tuple[int, list[str]]]] = []
        for execution_id in execution_ids:
            try:
                history = await temporal.get_workflow_handle(str(execution_id)).fetch_history()
            except RPCError:
                # Stopped before it reached Temporal.
                continue
            replays.append(loop.run_in_executor(pool, _replay, str(execution_id), history.to_json()))
        for cuts, failures in await asyncio.gather(*replays):
            report.histories += 1
            report.cuts += cuts
            report.failures += failures
    return report


def _replay(workflow_id: str, history: str) -> tuple[int, list[str]]:
    logging.disable(logging.ERROR)
    cuts, failures = asyncio.run(_replay_whole_and_cut(WorkflowHistory.from_json(workflow_id, history)))
    if failures:
        # Kept for a test: the run's own data is removed at its end.
        kept = Path(tempfile.mkdtemp(prefix="dynavera-history-")) / f"{workflow_id}.json"
        kept.write_text(history)
        failures.append(f"The history is in {kept}.")
    return cuts, failures


async def _replay_whole_and_cut(history: WorkflowHistory) -> tuple[int, list[str]]:
    replayer = Replayer(
        workflows=[AgentExecution],
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=pydantic_data_converter,
    )
    failures: list[str] = []
    cuts = 0
    for part in itertools.chain([history], _cut(history)):
        cuts += part is not history
        result = await replayer.replay_workflow(part, raise_on_replay_failure=False)
        if result.replay_failure is not None:
            reason = str(result.replay_failure)[:300]
            failures.append(f"{history.workflow_id} does not replay after {len(part.events)} events: {reason}")
    return cuts, failures[:3]


def _cut(history: WorkflowHistory) -> Iterator[WorkflowHistory]:
    events = list(history.events)
    ends = [end for end, event in enumerate(events, 1) if event.event_type == EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    return (WorkflowHistory(history.workflow_id, events[:end]) for end in ends)
