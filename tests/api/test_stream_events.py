"""The log of one execution as server-sent events."""

import asyncio

import httpx
import pytest

from tests.api.live import Live, all_frames, dense, frames, sequences

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_stream_events_are_unnamed_have_sequences_as_ids_and_end_after_the_terminal_one(live: Live) -> None:
    async with live.worker(), live.client() as client:
        execution_id = await live.start()
        log = await all_frames(client, f"/api/executions/{execution_id}/events/stream")

    assert dense([frame.json for frame in log])
    assert [frame.fields["id"] for frame in log] == [str(frame.json["sequence"]) for frame in log]
    assert {name for frame in log for name in frame.fields} == {"id", "data"}


async def test_proxies_do_not_buffer_streams(live: Live) -> None:
    execution_id = await live.start()
    path = f"/api/executions/{execution_id}/events/stream"
    async with live.client() as client, client.stream("GET", path) as response:
        headers = response.headers

    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"


@pytest.mark.parametrize(
    ("query", "headers", "first"),
    [
        ("?after=3", {}, 4),
        ("", {"Last-Event-ID": "2"}, 3),
        ("?after=1", {"Last-Event-ID": "4"}, 5),
        ("?after=0", {}, 1),
    ],
)
async def test_a_reader_that_reconnects_gets_only_what_it_missed(
    live: Live, query: str, headers: dict[str, str], first: int
) -> None:
    async with live.worker(), live.client() as client:
        execution_id = await live.start()
        path = f"/api/executions/{execution_id}/events/stream"
        await all_frames(client, path)
        missed = await all_frames(client, path + query, **headers)

    assert dense([frame.json for frame in missed], first=first)


async def test_a_reader_that_reconnects_in_mid_answer_misses_nothing(live: Live) -> None:
    gate = live.writes("One, ", "two, ", "three.", stops_after=2)

    async with live.worker(), live.client() as client:
        execution_id = await live.start()
        path = f"/api/executions/{execution_id}/events/stream"
        async with frames(client, path) as coming:
            seen = [await anext(coming)]
            while seen[-1].json.get("event_type") != "delta":
                seen.append(await anext(coming))
        gate.opened.set()
        rest = await all_frames(client, path, **{"Last-Event-ID": seen[-1].fields["id"]})

    assert sequences([frame.json for frame in seen]) == list(range(1, len(seen) + 1))
    assert dense([frame.json for frame in rest], first=len(seen) + 1)


async def test_a_stream_after_the_end_of_the_log_is_empty(live: Live) -> None:
    async with live.worker(), live.client() as client:
        execution_id = await live.start()
        path = f"/api/executions/{execution_id}/events/stream"
        log = await all_frames(client, path)
        again = await all_frames(client, f"{path}?after={len(log)}")

    assert again == []


@pytest.mark.parametrize(
    ("query", "headers", "code"),
    [
        ("?after=99", {}, "cursor_ahead"),
        ("", {"Last-Event-ID": "99"}, "cursor_ahead"),
        ("?after=-1", {}, "invalid_request"),
        ("?after=x", {}, "invalid_request"),
        ("", {"Last-Event-ID": "x"}, "invalid_request"),
        ("?after=99999999999999999999", {}, "invalid_request"),
        ("", {"Last-Event-ID": "99999999999999999999"}, "invalid_request"),
    ],
)
async def test_a_cursor_that_is_ahead_or_invalid_is_refused(
    live: Live, query: str, headers: dict[str, str], code: str
) -> None:
    async with live.worker(), live.client() as client:
        execution_id = await live.start()
        await live.has_status(execution_id, "completed")
        answer = await client.get(f"/api/executions/{execution_id}/events/stream{query}", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_stream_of_another_users_execution_is_not_found(live: Live) -> None:
    execution_id = await live.start()
    async with live.client() as client, live.client() as owner:
        made = (await owner.post("/api/users", json={"name": "stranger"})).json()
        client.headers["Authorization"] = f"Bearer {made['api_key']}"
        answer = await client.get(f"/api/executions/{execution_id}/events/stream")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_stream_of_a_queued_execution_waits_for_a_worker(live: Live) -> None:
    async with live.client() as client:
        execution_id = await live.start()
        async with frames(client, f"/api/executions/{execution_id}/events/stream") as coming:
            first = await anext(coming)
            async with live.worker(), asyncio.timeout(30):
                rest = [frame.json async for frame in coming]

    assert first.json["type"] == "execution_started"
    assert dense([first.json, *rest])


@pytest.mark.usefixtures("impatient_workers")
async def test_a_stream_stays_open_while_the_worker_is_away(live: Live) -> None:
    gate = live.writes("One, ", "two, ", "three.", stops_after=2)

    async with live.client() as client:
        async with live.worker():
            execution_id = await live.start()
            path = f"/api/executions/{execution_id}/events/stream"
            async with frames(client, path) as early:
                seen = [await anext(early)]
                while seen[-1].json.get("event_type") != "delta":
                    seen.append(await anext(early))
        # Nobody can say now whether the cursor is right; the stream is silent until somebody can.
        async with frames(client, f"{path}?after={len(seen)}") as coming:
            gate.opened.set()
            async with live.worker(), asyncio.timeout(30):
                rest = [frame.json async for frame in coming]

    assert dense([*(frame.json for frame in seen), *rest])
    assert rest[-1]["output_data"]["answer"] == "One, two, three."


async def test_an_unreadable_log_ends_its_stream_which_can_be_resumed(live: Live) -> None:
    async with live.client() as client:
        execution_id = await live.start()
        path = f"/api/executions/{execution_id}/events/stream"
        async with frames(client, path) as coming:
            first = await anext(coming)
            await live.spoil(execution_id)
            with pytest.raises(httpx.RemoteProtocolError):
                await anext(coming)
        await live.mend(execution_id)
        async with live.worker():
            rest = await all_frames(client, path, **{"Last-Event-ID": first.fields["id"]})

    assert dense([first.json, *(frame.json for frame in rest)])


async def test_the_executions_stream_shows_an_execution_as_it_changes(live: Live) -> None:
    gate = live.writes("One, ", "two.", stops_after=1)

    async with live.client() as client, frames(client, "/api/executions/stream") as coming:
        execution_id = await live.start()
        queued = await anext(coming)
        async with live.worker():
            running = await anext(coming)
            gate.opened.set()
            completed = await anext(coming)
        fetched = (await client.get(f"/api/executions/{execution_id}")).json()

    shown = [frame.json for frame in (queued, running, completed)]
    assert [(one["id"], one["status"]) for one in shown] == [
        (str(execution_id), status) for status in ("queued", "running", "completed")
    ]
    assert shown[-1] == fetched
    assert "event" not in queued.fields


async def test_the_executions_stream_sends_beats_on_request(live: Live) -> None:
    async with live.client() as client, frames(client, "/api/executions/stream?beat=true") as coming:
        beats = [await anext(coming), await anext(coming)]

    assert [beat.fields["event"] for beat in beats] == ["beat", "beat"]


async def test_the_executions_stream_hides_executions_of_other_users(live: Live) -> None:
    async with live.client() as owner, live.client() as stranger:
        made = (await owner.post("/api/users", json={"name": "stranger"})).json()
        stranger.headers["Authorization"] = f"Bearer {made['api_key']}"
        theirs = (await stranger.post("/api/agents", json={"name": "Other"})).json()["id"]
        async with frames(stranger, "/api/executions/stream") as coming:
            await live.start()
            own = await stranger.post(f"/api/agents/{theirs}/executions", json={"input_data": {"query": "Mine?"}})
            first = await anext(coming)

    assert first.json["id"] == own.json()["id"]
