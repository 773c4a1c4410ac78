"""Histories of each shape of execution, recorded once, replay on today's code.

`python -m tests.workflows.record_histories` records them anew; do that only for a new shape, for a history that does
not replay any more is an execution that would break when this code is deployed.
"""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from workflows.agent_execution import AgentExecution
from workflows.worker import sandbox

HISTORIES = Path(__file__).parents[1] / "histories"
SHAPES = ["archived", "completed", "failed", "several_attempts", "stopped", "stopped_in_the_queue"]


def test_every_shape_of_execution_is_recorded() -> None:
    assert sorted(file.stem for file in HISTORIES.glob("*.json")) == SHAPES


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_recorded_history_replays(shape: str) -> None:
    history = WorkflowHistory.from_json(shape, (HISTORIES / f"{shape}.json").read_text())
    replayer = Replayer(workflows=[AgentExecution], workflow_runner=sandbox(), data_converter=pydantic_data_converter)

    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)

    assert result.replay_failure is None
