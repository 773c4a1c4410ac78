"""The events that an agent's socket shows, with a real Temporal server and a real worker."""

import asyncio
import time

import pytest

from api.live.log import ExecutionLog
from tests.api.live import Live, dense, item_texts, sequences

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_first_message_of_a_socket_is_connection(live: Live) -> None:
    async with live.opened(None, None, {"Authorization": "Bearer dyn_of-the-first-user"}) as conversation:
        said = await conversation.hear()

    assert said == {"type": "connection", "agent_id": str(live.agent.id), "message": "Connected."}


async def test_a_start_is_accepted_at_once_and_its_events_come_once_each_to_the_end(live: Live) -> None:
    async with live.worker(), live.socket() as conversation, live.client() as client:
        asked = time.monotonic()
        await conversation.say(
            action="start_agent", input_data={"query": "What is fNIRS?", "lang": "en"}, request_id="r1"
        )
        accepted = await conversation.answer("accepted")
        took = time.monotonic() - asked
        execution_id = accepted["execution_id"]
        await conversation.until(lambda said: said["type"] == "execution_completed")
        texts = await item_texts(client, execution_id)

    assert accepted == {
        "type": "accepted",
        "action": "start_agent",
        "request_id": "r1",
        "execution_id": execution_id,
    }
    assert took < 1
    assert conversation.events(execution_id) == texts
    assert len(texts) >= 7


async def test_the_first_event_needs_no_worker(live: Live) -> None:
    async with live.socket() as conversation:
        execution_id = await conversation.start("Who works?")
        first = await conversation.answer("execution_started")

        assert await live.logs.status(execution_id) == "queued"
        await live.stop(execution_id)
        rest = [await conversation.hear(seconds=1)]

    assert (first["sequence"], first["input_data"]) == (1, {"query": "Who works?"})
    assert [event["type"] for event in rest] == ["execution_stopped"]


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_starts_by_rest_and_by_other_processes_are_shown_within_a_second(live: Live, elsewhere: bool) -> None:
    async with live.worker(), live.another_api() as other, live.socket() as conversation:
        execution_id = await live.start(url=other if elsewhere else None)
        first = await conversation.hear(seconds=1)
        rest = await conversation.log(execution_id)

    assert dense([first, *rest])


async def test_a_new_socket_shows_only_new_events_of_running_executions(live: Live) -> None:
    gate = live.writes("One, ", "two, ", "three.", stops_after=2)

    async with live.worker(), live.socket() as first:
        execution_id = await first.start()
        earlier = await first.until(lambda said: said.get("event_type") == "delta")
        async with live.socket() as late:
            gate.opened.set()
            shown = await late.log(execution_id)
            await late.say(action="subscribe", execution_id=str(execution_id), after=0)
            await late.answer("accepted")
            whole = await late.log(execution_id)

    assert dense(shown, first=earlier[-1]["sequence"] + 1)
    assert dense(whole)


async def test_a_new_socket_does_not_show_ended_executions(live: Live) -> None:
    async with live.worker():
        async with live.socket() as conversation:
            ended = await conversation.start()
            await conversation.log(ended)
        async with live.socket() as conversation:
            execution_id = await conversation.start("And now?")
            await conversation.log(execution_id)

            assert conversation.events(ended) == []


async def test_subscribing_in_mid_answer_restarts_the_feed_without_a_gap_or_a_duplicate(live: Live) -> None:
    gate = live.writes("One, ", "two, ", "three.", stops_after=2)

    async with live.worker(), live.socket() as conversation:
        execution_id = await conversation.start()
        earlier = await conversation.until(lambda said: said.get("event_type") == "delta")
        await conversation.say(action="subscribe", execution_id=str(execution_id), after=2, request_id="again")
        accepted = await conversation.answer("accepted")
        gate.opened.set()
        later = await conversation.log(execution_id)

    assert accepted["request_id"] == "again"
    assert sequences(earlier) == list(range(1, len(earlier) + 1))
    assert dense(later, first=3)


async def test_repeated_subscriptions_have_no_gaps(live: Live) -> None:
    live.writes(*[f"word{number} " for number in range(200)])
    live.mcp.status_lines = [f"Line {number}." for number in range(150)]

    async with live.worker(), live.socket() as conversation:
        execution_id = await conversation.start()
        for after in (0, 1, 3, 0, 2, 1, 0):
            await conversation.until(lambda said: said.get("sequence", 0) >= 4)
            await conversation.say(action="subscribe", execution_id=str(execution_id), after=after)
            await conversation.answer("accepted")
            feed = await conversation.until(lambda said: said.get("sequence", 0) >= 6)
            assert sequences(feed) == list(range(after + 1, 7))
        await conversation.say(action="subscribe", execution_id=str(execution_id), after=5)
        await conversation.answer("accepted")
        last = await conversation.log(execution_id)

    assert dense(last, first=6)


async def test_a_subscription_beyond_the_end_of_the_log_is_refused(live: Live) -> None:
    async with live.worker(), live.socket() as conversation:
        execution_id = await conversation.start()
        log = await conversation.log(execution_id)
        refusal = await conversation.refusal(action="subscribe", execution_id=str(execution_id), after=len(log) + 1)

    assert (refusal["code"], refusal["action"]) == ("cursor_ahead", "subscribe")


async def test_all_sockets_of_an_agent_show_the_same(live: Live) -> None:
    gate = live.writes("One, ", "two, ", "three.", stops_after=1)

    async with live.worker(), live.another_api() as other, live.socket() as here, live.socket(other) as there:
        executions = [await here.start(), await there.start()]
        gate.opened.set()
        for execution_id in executions:
            for conversation in (here, there):
                await conversation.say(action="subscribe", execution_id=str(execution_id), after=0)
                await conversation.answer("accepted")
                assert dense(await conversation.log(execution_id))

    for execution_id in executions:
        whole = here.events(execution_id)[-1]
        assert there.events(execution_id)[-1] == whole


async def test_another_agents_executions_are_not_shown(live: Live) -> None:
    async with live.worker(), live.client() as client, live.socket() as conversation:
        other = (await client.post("/api/agents", json={"name": "Other"})).json()["id"]
        async with live.socket(agent_id=other) as theirs:
            foreign = await theirs.start()
            await theirs.log(foreign)
        execution_id = await conversation.start()
        await conversation.log(execution_id)

    assert conversation.events(foreign) == []


@pytest.mark.usefixtures("impatient_workers")
async def test_sockets_stay_open_while_the_worker_is_away(live: Live) -> None:
    gate = live.writes("One, ", "two, ", "three.", stops_after=2)

    async with live.socket() as conversation:
        async with live.worker():
            execution_id = await conversation.start()
            await conversation.until(lambda said: said.get("event_type") == "delta")
        await conversation.say(action="subscribe", execution_id=str(execution_id), after=0)
        async with asyncio.timeout(10):
            accepted = await conversation.answer("accepted")
        gate.opened.set()
        async with live.worker():
            log = await conversation.log(execution_id)

    assert accepted["action"] == "subscribe"
    assert dense(log)
    assert log[-1]["output_data"]["answer"] == "One, two, three."


@pytest.mark.usefixtures("impatient_workers")
async def test_a_socket_that_opens_while_the_worker_is_away_answers_soon(live: Live) -> None:
    gate = live.writes("One, ", "two.", stops_after=1)

    async with live.worker(), live.socket() as conversation:
        running = [await conversation.start() for _ in range(4)]
        for execution_id in running:
            await live.has_status(execution_id, "running")
    async with asyncio.timeout(5):
        async with live.socket() as conversation:
            refusal = await conversation.refusal(action="dance")
            queued = await conversation.start("Still there?")
    gate.opened.set()
    async with live.worker():
        for execution_id in (*running, queued):
            await live.has_status(execution_id, "completed")

    assert refusal["code"] == "unknown_action"


async def test_an_unreadable_log_closes_the_socket_with_1011_and_can_be_resumed(live: Live) -> None:
    async with live.socket() as conversation:
        execution_id = await conversation.start()
        first = await conversation.answer("execution_started")
        await live.spoil(execution_id)
        closed = await conversation.closed_with()
    await live.mend(execution_id)
    async with live.worker(), live.socket() as again:
        await again.say(action="subscribe", execution_id=str(execution_id), after=1)
        await again.answer("accepted")
        rest = await again.log(execution_id)

    assert closed == 1011
    assert "after" in (conversation.connection.close_reason or "")
    assert dense([first, *rest])


async def test_last_sequences_are_queried_in_batches_or_read_from_the_records(
    live: Live,
) -> None:
    live.writes("One, ", "two.", stops_after=1)

    async with live.worker(), live.socket() as conversation:
        ids = [await conversation.start() for _ in range(3)]
        waiting = set(map(str, ids))
        while waiting:
            said = await conversation.answer("agent_event")
            waiting -= {said["execution_id"]} if said["event_type"] == "delta" else set()
        ends = await ExecutionLog(live.logs, live.temporal, concurrent_queries=2).last_sequences(ids)
        queued = await live.records.accept(live.user.id, live.agent.id, {"query": "Queued?"})
        away = ExecutionLog(live.logs, await live.temporal_that_is_away())
        archived = await away.last_sequences([*ids, queued.id])

    assert ends == {one: len(conversation.events(one)) for one in ids}
    assert archived == dict.fromkeys([*ids, queued.id], 1)
