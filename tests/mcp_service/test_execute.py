"""Retrieval and generation in one HTTP call."""

import asyncio
import json
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from dynavera.contracts.agents import AgentSettings
from dynavera.records.agents import Agents
from mcp_service.limits import ServiceLimits
from tests.fakes import FakeModel
from tests.mcp_service.running import Running, running_service, upload
from tests.serving import serving, until

SMALL_BUFFER = 8192
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


async def test_with_event_stream_the_events_come_first(service: Running) -> None:
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


async def test_without_documents_there_is_nothing_to_answer_from(service: Running) -> None:
    agent_id = await new_agent(service)

    async with service.client() as client:
        answer = await client.post("/execute", json={"agent_id": agent_id, "query": "What is fNIRS?"})

    assert answer.json()["output_data"]["sources"] == []
    assert answer.json()["output_data"]["answer"].startswith("There is nothing to answer from")


async def test_an_empty_answer_is_a_failure(tmp_path: Path) -> None:
    model = FakeModel(words=[])

    async with (
        serving(model) as model_url,
        running_service(tmp_path, openai_base_url=f"{model_url}/v1", generator="openai:fake") as service,
        service.client(Accept="text/event-stream") as client,
    ):
        streamed = await client.post("/execute", json={"agent_id": await new_agent(service), "query": "q"})

    events = [
        json.loads(line.removeprefix("data: ")) for line in streamed.text.splitlines() if line.startswith("data:")
    ]
    assert events[-1]["code"] == "empty_answer"


async def test_an_answer_that_cites_none_of_its_passages_is_marked(tmp_path: Path) -> None:
    async with (
        serving(FakeModel(words=["Light."])) as model_url,
        running_service(tmp_path, openai_base_url=f"{model_url}/v1", generator="openai:fake") as service,
        service.client(Accept="text/event-stream") as client,
    ):
        await upload(client, fnirs_md=FNIRS)
        streamed = await client.post("/execute", json={"agent_id": await new_agent(service), "query": "fNIRS"})

    *_, note, message, result = [
        json.loads(line.removeprefix("data: ")) for line in streamed.text.splitlines() if line.startswith("data:")
    ]
    assert note["content"]["message"] == "The answer cites none of its passages."
    assert message["content"]["text"] == "Light."
    assert result["output_data"]["cites_no_source"]


async def test_a_refusal_is_the_last_event(service: Running) -> None:
    agent_id = await new_agent(service, collection="nope")

    async with service.client() as client:
        plain = await client.post("/execute", json={"agent_id": agent_id, "query": "q"})
        streamed = await client.post(
            "/execute", json={"agent_id": agent_id, "query": "q"}, headers={"Accept": "text/event-stream"}
        )

    last = json.loads(
        [line for line in streamed.text.splitlines() if line.startswith("data:")][-1].removeprefix("data: ")
    )
    assert (plain.status_code, plain.json()["code"]) == (404, "unknown_collection")
    assert (last["type"], last["code"]) == ("error", "unknown_collection")


async def test_an_agent_of_another_user_is_unknown(service: Running) -> None:
    agent_id = await new_agent(service)
    other = await service.another_user()

    async with service.client(other.api_key) as client:
        plain = await client.post("/execute", json={"agent_id": agent_id, "query": "q"})
        streamed = await client.post(
            "/execute", json={"agent_id": agent_id, "query": "q"}, headers={"Accept": "text/event-stream"}
        )

    assert (plain.status_code, plain.json()["code"]) == (404, "agent_not_found")
    assert (streamed.status_code, streamed.json()["code"]) == (404, "agent_not_found")


async def test_a_client_that_disconnects_stops_the_model(tmp_path: Path) -> None:
    for accept in ("application/json", "text/event-stream"):
        model = FakeModel(words=["word"] * 1000, delay=0.02)
        async with (
            serving(model) as model_url,
            running_service(tmp_path, openai_base_url=f"{model_url}/v1", generator="openai:fake") as service,
            service.client(Accept=accept) as client,
        ):
            arguments = {"agent_id": await new_agent(service), "query": "q"}
            asking = asyncio.create_task(client.post("/execute", json=arguments))
            await until(lambda model=model: model.emitted > 3)
            asking.cancel()
            await until(lambda model=model: bool(model.disconnected_at), seconds=1)

        assert model.emitted < 100


async def test_a_client_that_does_not_read_stops_the_model(tmp_path: Path) -> None:
    limits = ServiceLimits(reader_timeout=timedelta(seconds=0.2))
    model = FakeModel(words=["word" * 256] * 400, delay=0.001)
    async with (
        serving(model) as model_url,
        running_service(
            tmp_path,
            send_buffer=SMALL_BUFFER,
            limits=limits,
            openai_base_url=f"{model_url}/v1",
            generator="openai:fake",
        ) as service,
    ):
        arguments = {"agent_id": await new_agent(service, max_tokens=400), "query": "q"}
        with unread_connection(service) as connection:
            await asyncio.to_thread(connection.sendall, request(service, arguments))
            await until(lambda: bool(model.disconnected_at), seconds=10)

    assert 0 < model.emitted < len(model.words)


def unread_connection(service: Running) -> socket.socket:
    """A connection whose client does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    address = urlsplit(service.url)
    client.connect((address.hostname, address.port))
    return client


def request(service: Running, arguments: dict[str, Any]) -> bytes:
    body = json.dumps(arguments)
    lines = [
        "POST /execute HTTP/1.1",
        f"Host: {urlsplit(service.url).netloc}",
        f"Authorization: Bearer {service.owner_key}",
        "Accept: text/event-stream",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "",
        body,
    ]
    return "\r\n".join(lines).encode()
