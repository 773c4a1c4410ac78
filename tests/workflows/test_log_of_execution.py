"""The log of a running execution, on a real Temporal server: duplicates, late batches, pages and archiving."""

import asyncio

from activities.batches import REPORT, EventBatch
from dynavera.contracts.contract import utc_now
from dynavera.contracts.events import DeltaContent
from dynavera.limits import ARCHIVE_EVENTS, PAGE_BYTES
from tests.workflows.fakes import Gate
from tests.workflows.world import TIMEOUT_SECONDS, World, answer_of


async def test_duplicate_batches_and_those_of_old_attempts_are_dropped(here: World) -> None:
    here.mcp.words = ["One, ", "two."]
    here.mcp.gate = gate = Gate()

    async with here.worker():
        execution_id = await here.start()
        await here.wait_for_text(execution_id, "One, ")
        workflow = here.environment.client.get_workflow_handle(str(execution_id))
        for attempt, index in ((1, 0), (0, 0), (0, 1), (2, 0)):
            dropped = DeltaContent(offset=0, text="Dropped.")
            await workflow.signal(REPORT, EventBatch(attempt=attempt, index=index, at=utc_now(), contents=[dropped]))
        gate.opened.set()
        events = await here.events(execution_id)

    assert "Dropped." not in "".join(event.model_dump_json() for event in events)
    assert answer_of(events) == "One, two."


async def test_a_tail_of_many_pages_can_be_read(here: World) -> None:
    here.mcp.status_lines = [f"{number} {'x' * 30_000}" for number in range(30)]
    here.mcp.gate = gate = Gate()
    here.mcp.gate_after = 0

    async with here.worker():
        execution_id = await here.start()
        await here.wait_for_text(execution_id, "29 xxx")
        page = await here.temporal.events(execution_id, 1)
        read = await here.log.read(execution_id, 0)
        while more := await here.log.read(execution_id, read[-1].sequence):
            read += more
        gate.opened.set()
        events = await here.events(execution_id)

    assert sum(len(event.model_dump_json()) for event in page.items) <= PAGE_BYTES < 30 * 30_000
    assert events[: len(read)] == [entry.event for entry in read]


async def test_a_tail_that_grows_slowly_is_archived_when_it_is_old(here: World) -> None:
    here.mcp.gate = gate = Gate()
    here.mcp.gate_after = 0

    async with here.worker():
        execution_id = await here.start()
        await gate.reached.wait()
        for index, seconds in enumerate((0, 15, 25)):
            await here.send_letter(execution_id, index, "a", seconds)
        await here.wait_until_idle(execution_id)
        archived_young = await here.logs.last_sequence(execution_id)
        await here.send_letter(execution_id, 3, "a", 31)
        await here.history_schedules(execution_id, "archive_events")
        gate.opened.set()
        await here.events(execution_id)

    assert archived_young == 1


async def test_the_tail_is_archived_during_the_run_without_gaps(here: World) -> None:
    here.mcp.status_lines = [f"Line {number}." for number in range(2 * ARCHIVE_EVENTS)]
    here.mcp.gate = gate = Gate()
    here.mcp.gate_after = 0

    async with here.worker():
        execution_id = await here.start()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (await here.temporal.events(execution_id, 0)).first <= ARCHIVE_EVENTS:
                await asyncio.sleep(0.05)
        archived = await here.logs.last_sequence(execution_id)
        status = await here.logs.status(execution_id)
        gate.opened.set()
        events = await here.events(execution_id)

    assert status == "running"
    assert archived >= ARCHIVE_EVENTS
    assert len(events) > 2 * ARCHIVE_EVENTS
