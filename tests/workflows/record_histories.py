"""Record a history of each kind of execution under the current rules: `python -m tests.workflows.record_histories`."""

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

from dynavera.limits import ARCHIVE_EVENTS
from tests.workflows.fakes import FakeMcp, Gate, refused, unavailable
from tests.workflows.test_replay import HISTORIES
from tests.workflows.world import LogsThatStop, World, world
from workflows.rules import CURRENT

ROOT = HISTORIES.parents[1]

Kind = Callable[[World], Awaitable[UUID]]


async def completed(here: World) -> UUID:
    async with here.worker():
        execution_id = await here.start()
        await here.events(execution_id)
        await here.closed_as(execution_id)
    return execution_id


async def several_attempts(here: World) -> UUID:
    here.mcp = FakeMcp(retrieval_failures=[unavailable(), unavailable()], failures=[unavailable()], fail_after=1)
    return await completed(here)


async def failed(here: World) -> UUID:
    here.mcp = FakeMcp(failures=[refused("unknown_generator")])
    return await completed(here)


async def archived(here: World) -> UUID:
    here.mcp = FakeMcp(status_lines=[f"Line {number}." for number in range(ARCHIVE_EVENTS + 1)], gate=Gate())
    assert here.mcp.gate is not None
    async with here.worker():
        execution_id = await here.start()
        while await here.logs.last_sequence(execution_id) < ARCHIVE_EVENTS:
            await asyncio.sleep(0.05)
        here.mcp.gate.opened.set()
        await here.events(execution_id)
        await here.closed_as(execution_id)
    return execution_id


async def archived_when_old(here: World) -> UUID:
    here.mcp = FakeMcp(gate=Gate(), gate_after=0)
    assert here.mcp.gate is not None
    async with here.worker():
        execution_id = await here.start()
        await here.mcp.gate.reached.wait()
        for number in range(8):
            await here.send_letter(execution_id, number, "a", seconds=number * 6)
            await here.wait_until_idle(execution_id)
        here.mcp.gate.opened.set()
        await here.events(execution_id)
        await here.closed_as(execution_id)
    return execution_id


async def stopped(here: World) -> UUID:
    here.mcp = FakeMcp(gate=Gate())
    assert here.mcp.gate is not None
    async with here.worker():
        execution_id = await here.start()
        await here.mcp.gate.reached.wait()
        await here.stop(execution_id)
        await here.events(execution_id)
        await here.closed_as(execution_id)
    return execution_id


async def stopped_as_it_ended(here: World) -> UUID:
    """The result of the generation and the stop reach the workflow in one workflow task."""
    here.mcp = FakeMcp(gate=Gate(), gate_after=0)
    assert here.mcp.gate is not None
    async with here.generating():
        async with here.executing():
            execution_id = await here.start()
            await here.mcp.gate.reached.wait()
            await here.wait_until_idle(execution_id)
        here.mcp.gate.opened.set()
        await here.history_has(execution_id, "ACTIVITY_TASK_COMPLETED")
    await here.stop(execution_id)
    await here.history_has(execution_id, "WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    async with here.worker():
        await here.events(execution_id)
        await here.closed_as(execution_id)
    return execution_id


async def stopped_as_it_was_recorded(here: World) -> UUID:
    """The stop fails the workflow task that has recorded the outcome: it is handled again, with the stop."""
    here.logs = LogsThatStop(here.database, here)
    return await completed(here)


async def stopped_in_the_queue(here: World) -> UUID:
    execution_id = await here.start()
    await here.stop(execution_id)
    async with here.worker():
        await here.closed_as(execution_id)
    return execution_id


async def unforeseen_error(here: World) -> UUID:
    here.mcp = FakeMcp(retrieval_failures=[ValueError("a bug"), ValueError("a bug")])
    return await completed(here)


async def worker_lost(here: World) -> UUID:
    async with here.executing():
        execution_id = await here.start()
        await here.take_generation_and_vanish()
        await here.wait_for_text(execution_id, "stopped answering")
    async with here.worker():
        await here.events(execution_id)
        await here.closed_as(execution_id)
    return execution_id


async def record() -> None:
    kinds: tuple[Kind, ...] = (
        archived,
        archived_when_old,
        completed,
        failed,
        several_attempts,
        stopped,
        stopped_as_it_ended,
        stopped_as_it_was_recorded,
        stopped_in_the_queue,
        unforeseen_error,
        worker_lost,
    )
    folder_of_rules = HISTORIES / f"rules_{CURRENT}"
    folder_of_rules.mkdir(exist_ok=True)
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            async with world(Path(folder)) as here:
                execution_id = await kind(here)
                history = await here.environment.client.get_workflow_handle(str(execution_id)).fetch_history()
        # Stack traces contain the path of this repository.
        recorded = json.dumps(history.to_json_dict(), indent=1, sort_keys=True).replace(f"{ROOT}/", "")
        (folder_of_rules / f"{kind.__name__}.json").write_text(recorded + "\n")


if __name__ == "__main__":
    asyncio.run(record())
