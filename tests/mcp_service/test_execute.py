"""Retrieval and generation in one call, for clients that speak no MCP."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx

from dynavera.contracts.agents import AgentSettings
from dynavera.records.agents import Agents
from tests.fakes import FakeModel
from tests.mcp_service.running import Running, running_service, upload
from tests.serving import serving, until

FNIRS = "# fNIRS\n\nFunctional near-infrared spectroscopy (fNIRS) is an optical method that measures blood oxygen.\n"


async def new_agent(service: Running, **settings: Any) -> str:
    agent = await Agents(service.database).create(service.owner.id, AgentSettings(name="Assistant", **settings))
    return str(agent.id)


async def test_an_agent_answers_in_one_call(service: Running) -> None:
    agent_id = await new_agent(service, top_k=1)

    async with service.client() as client:
        await upload(client, fnirs_md=FNIRS)
        answer = await client.post(
            "/execute", json={"agent_id": agent_id, "query": "What is fNIRS?", "input_data": {"any": "thing"}}
        )

    output = answer.json()["output_data"]
    assert answer.status_code == httpx.codes.OK
    assert output["answer"].startswith("Functional near-infrared spectroscopy (fNIRS) is an optical method")
    assert [(source["n"], source["document"]) for source in output["sources"]] == [(1, "fnirs.md")]
    assert output["generator"] == "extractive"


async def test_events_come_first_when_they_are_accepted(service: Running) -> None:
    agent_id = await new_agent(service)

    async with service.client(Accept="text/event-stream") as client:
        await upload(client, fnirs_md=FNIRS)
        answer = await client.post("/execute", json={"agent_id": agent_id, "query": "What is fNIRS?"})

    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data:")]
    kinds = [event.get("event_type", event["type"]) for event in events]
    written = ""
    for event in events:
        if event.get("event_type") == "delta":
            written = written[: event["content"]["offset"]] + event["content"]["text"]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert kinds[:3] == ["progress", "step", "progress"]
    assert kinds[-2:] == ["message", "result"]
    assert written == events[-2]["content"]["text"] == events[-1]["output_data"]["answer"]


async def test_without_documents_an_agent_says_that_there_is_nothing(service: Running) -> None:
    agent_id = await new_agent(service)

    async with service.client() as client:
        answer = await client.post("/execute", json={"agent_id": agent_id, "query": "What is fNIRS?"})

    assert answer.json()["output_data"]["sources"] == []
    assert answer.json()["output_data"]["answer"].startswith("There is nothing to answer from")


async def test_a_refusal_is_the_last_event(service: Running) -> None:
    agent_id = await new_agent(service, collection="nope")

    async with service.client() as client:
        plain = await client.post("/execute", json={"agent_id": agent_id, "query": "q"})
        told = await client.post(
            "/execute", json={"agent_id": agent_id, "query": "q"}, headers={"Accept": "text/event-stream"}
        )

    last = json.loads([line for line in told.text.splitlines() if line.startswith("data:")][-1].removeprefix("data: "))
    assert (plain.status_code, plain.json()["code"]) == (404, "unknown_collection")
    assert (last["type"], last["code"]) == ("error", "unknown_collection")


async def test_an_agent_of_another_user_is_unknown(service: Running) -> None:
    agent_id = await new_agent(service)
    other = await service.another_user()

    async with service.client(other.api_key) as client:
        plain = await client.post("/execute", json={"agent_id": agent_id, "query": "q"})
        told = await client.post(
            "/execute", json={"agent_id": agent_id, "query": "q"}, headers={"Accept": "text/event-stream"}
        )

    assert (plain.status_code, plain.json()["code"]) == (404, "agent_not_found")
    assert (told.status_code, told.json()["code"]) == (404, "agent_not_found")


async def test_a_client_that_leaves_stops_the_model(tmp_path: Path) -> None:
    for accept in ("application/json", "text/event-stream"):
        model = FakeModel(words=["word"] * 1000, delay=0.02)
        async with (
            serving(model) as model_url,
            running_service(tmp_path, openai_base_url=f"{model_url}/v1", generator="openai:fake") as service,
            service.client(Accept=accept) as client,
        ):
            asked = {"agent_id": await new_agent(service), "query": "q"}
            asking = asyncio.create_task(client.post("/execute", json=asked))
            await until(lambda model=model: model.emitted > 3)
            asking.cancel()
            await until(lambda model=model: bool(model.left_at), seconds=1)

        assert model.emitted < 100
