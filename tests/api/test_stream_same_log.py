"""The same log, byte for byte, however and whenever it is read."""

from uuid import UUID

import pytest

from dynavera.contracts.documents import RetrievedPassage
from dynavera.identifiers import new_id
from tests.api.live import Conversation, Live, all_frames, frames, item_texts

pytestmark = pytest.mark.asyncio(loop_scope="module")

AWKWARD = 'Ünïcödé 🧠 \u2028 \u0085 \x7f \t "quoted" \\ </script> \r\n end'


def awkward(live: Live) -> None:
    """Everything that two JSON writers might write differently."""
    live.mcp.words = ["One 🧠, ", "two\u2028, ", '"three"\r\n. ', "é" * 3]
    live.mcp.passages = [
        RetrievedPassage(
            document_id=new_id(), document=AWKWARD, passage_id=new_id(), text=AWKWARD, score=score, sha256="0" * 64
        )
        for score in (1e-7, 0.1 + 0.2, 1.0, 123456789.123456789)
    ]


async def start_awkwardly(conversation: Conversation) -> UUID:
    await conversation.say(
        action="start_agent",
        input_data={
            "query": AWKWARD,
            "numbers": [0.1, 1.0, -0.0, 1e22, 1e-7, 10**30, 5e-324],
            "nested": {"ß": [None, True, {"": []}]},
        },
    )
    return UUID((await conversation.answer("accepted"))["execution_id"])


async def test_the_log_is_the_same_by_socket_stream_and_rest_live_and_after_a_restart(live: Live) -> None:
    awkward(live)
    gate = live.writes(*live.mcp.words, stops_after=2)

    async with live.worker(), live.socket() as conversation, live.client() as client:
        execution_id = await start_awkwardly(conversation)
        path = f"/api/executions/{execution_id}/events/stream"
        async with frames(client, path) as coming:
            streamed = [await anext(coming)]
            while streamed[-1].json.get("event_type") != "delta":
                streamed.append(await anext(coming))
            by_rest_live = await item_texts(client, execution_id)
            gate.opened.set()
            streamed += [frame async for frame in coming]
        resumed = await all_frames(client, path, **{"Last-Event-ID": "3"})
        await conversation.until(lambda said: said["type"] == "execution_completed")
        by_socket = conversation.events(execution_id)

    away = await live.temporal_that_is_away()
    async with live.another_api(away) as url, live.client(url) as client, live.socket(url) as conversation:
        by_rest = await item_texts(client, execution_id)
        by_rest_in_pages = await item_texts(client, execution_id, limit=3)
        by_stream = await all_frames(client, path)
        await conversation.say(action="subscribe", execution_id=str(execution_id), after=0)
        await conversation.until(lambda said: said["type"] == "execution_completed")
        by_socket_later = conversation.events(execution_id)

    assert len(by_socket) >= 8
    assert [frame.data for frame in streamed] == by_socket
    assert by_rest_live == by_socket[: len(by_rest_live)]
    assert len(by_rest_live) >= 5
    assert [frame.data for frame in resumed] == by_socket[3:]
    assert by_rest == by_rest_in_pages == by_socket_later == [frame.data for frame in by_stream] == by_socket


@pytest.mark.usefixtures("impatient_workers")
async def test_events_that_cannot_be_read_now_answer_503(live: Live) -> None:
    gate = live.writes("One, ", "two.", stops_after=1)

    async with live.client() as client:
        async with live.worker():
            execution_id = await live.start()
            path = f"/api/executions/{execution_id}/events"
            async with frames(client, f"{path}/stream") as coming:
                while (await anext(coming)).json.get("event_type") != "delta":
                    continue
        archived = (await client.get(path)).json()
        away = await client.get(path, params={"after": archived["next_after"]})
        gate.opened.set()
        async with live.worker():
            await live.has_status(execution_id, "completed")
        whole = await item_texts(client, execution_id)

    assert [event["sequence"] for event in archived["items"]] == list(range(1, archived["next_after"] + 1))
    assert (away.status_code, away.json()["code"]) == (503, "events_away")
    assert int(away.headers["retry-after"]) > 0
    assert len(whole) > len(archived["items"])


async def test_a_page_of_events_tells_whether_there_are_more(live: Live) -> None:
    async with live.worker(), live.client() as client:
        execution_id = await live.start()
        await live.has_status(execution_id, "completed")
        path = f"/api/executions/{execution_id}/events"
        first = (await client.get(path, params={"limit": 2})).json()
        rest = (await client.get(path, params={"after": first["next_after"]})).json()
        ahead = await client.get(path, params={"after": 99})

    assert first["next_after"] == 2
    assert rest["next_after"] is None
    assert rest["items"][-1]["type"] == "execution_completed"
    assert (ahead.status_code, ahead.json()["code"]) == (422, "cursor_ahead")
