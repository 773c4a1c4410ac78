"""Previews: for viewers that ask, as the model writes, and never in the log."""

import asyncio

import pytest

from tests.api.live import Live, all_frames, item_texts

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = ["Light ", "tells ", "\U0001f9e0 ", "all."]


async def test_a_socket_that_asks_gets_what_the_model_writes(live: Live) -> None:
    gate = live.writes(*WORDS, stops_after=0)

    async with live.worker(), live.socket(agent_id=f"{live.agent.id}?previews=true") as asking, live.socket() as other:
        execution_id = await asking.start()
        await gate.reached.wait()
        await asyncio.sleep(1)
        gate.opened.set()
        heard = await asking.until(lambda said: said["type"] == "execution_completed")
        heard_without = await other.until(lambda said: said["type"] == "execution_completed")

    previews = [said for said in heard if said["type"] == "preview"]
    assert "".join(preview["text"] for preview in previews) == "".join(WORDS)
    assert previews[-1] == {
        "type": "preview",
        "execution_id": str(execution_id),
        "agent_id": str(live.agent.id),
        "offset": len("".join(WORDS[:-1])),
        "text": WORDS[-1],
    }
    assert [said for said in heard_without if said["type"] == "preview"] == []


async def test_server_sent_previews_have_no_id(live: Live) -> None:
    gate = live.writes(*WORDS, stops_after=0)

    async with live.worker(), live.client() as client:
        execution_id = await live.start()
        await gate.reached.wait()
        path = f"/api/executions/{execution_id}/events/stream"
        asking = asyncio.create_task(all_frames(client, f"{path}?previews=true"))
        other = asyncio.create_task(all_frames(client, path))
        await asyncio.sleep(1)
        gate.opened.set()
        frames, frames_without = await asking, await other
        stored = await item_texts(client, execution_id)

    previews = [frame for frame in frames if frame.json["type"] == "preview"]
    assert "".join(frame.json["text"] for frame in previews) == "".join(WORDS)
    assert all("id" not in frame.fields for frame in previews)
    assert [frame.data for frame in frames if "id" in frame.fields] == stored
    assert [frame.data for frame in frames_without] == stored
