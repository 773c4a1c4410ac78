"""Agents over REST."""

import httpx
import pytest

from dynavera.identifiers import new_id
from tests.api.conftest import Api


async def made(client: httpx.AsyncClient, **fields: object) -> dict[str, object]:
    answer = await client.post("/api/agents", json={"name": "Librarian", **fields})
    assert answer.status_code == 201
    return answer.json()


async def test_only_a_name_is_needed(client: httpx.AsyncClient) -> None:
    agent = await made(client)

    assert {key: agent[key] for key in agent.keys() - {"id", "created_at", "updated_at"}} == {
        "name": "Librarian",
        "description": "",
        "instructions": "",
        "generator": None,
        "collection": "default",
        "top_k": 4,
        "max_tokens": 1024,
        "temperature": 0.2,
        "status": "idle",
    }
    assert str(agent["created_at"]).endswith("Z")
    assert (await client.get(f"/api/agents/{agent['id']}")).json() == agent


async def test_agents_come_in_pages_newest_first(client: httpx.AsyncClient) -> None:
    ids = [(await made(client, name=f"agent {n}"))["id"] for n in range(3)]

    first = (await client.get("/api/agents", params={"limit": 2})).json()
    second = (await client.get("/api/agents", params={"limit": 2, "cursor": first["next_cursor"]})).json()

    assert [agent["id"] for agent in first["items"] + second["items"]] == ids[::-1]
    assert second["next_cursor"] is None


async def test_a_patch_changes_only_the_given_fields(client: httpx.AsyncClient) -> None:
    agent = await made(client, generator="openai:gpt", instructions="Be brief.")

    changed = (await client.patch(f"/api/agents/{agent['id']}", json={"name": "Archivist", "generator": None})).json()

    assert changed == {**agent, "name": "Archivist", "generator": None, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > str(agent["updated_at"])


@pytest.mark.parametrize("field", ["name", "description", "instructions", "collection", "top_k", "temperature"])
async def test_null_is_refused_for_fields_that_need_a_value(client: httpx.AsyncClient, field: str) -> None:
    agent = await made(client)

    answer = await client.patch(f"/api/agents/{agent['id']}", json={field: None})

    assert answer.status_code == 422
    assert [error["location"] for error in answer.json()["errors"]] == [f"body.{field}"]
    assert (await client.get(f"/api/agents/{agent['id']}")).json() == agent


async def test_a_deleted_agent_is_gone(client: httpx.AsyncClient) -> None:
    agent = await made(client)

    deleted = await client.delete(f"/api/agents/{agent['id']}")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await client.get(f"/api/agents/{agent['id']}")).status_code == 404
    assert (await client.delete(f"/api/agents/{agent['id']}")).status_code == 404


async def test_another_users_agent_answers_exactly_like_none(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    agent_id, unknown = str((await made(client))["id"]), str(new_id())

    for method, path, body in (
        ("GET", "/api/agents/{}", None),
        ("PATCH", "/api/agents/{}", {"name": "mine"}),
        ("DELETE", "/api/agents/{}", None),
        ("GET", "/api/agents/{}/executions", None),
        ("POST", "/api/agents/{}/executions", {"input_data": {"query": "Whose?"}}),
        ("GET", "/api/executions?agent_id={}", None),
    ):
        of_another = await stranger.request(method, path.format(agent_id), json=body)
        of_nobody = await stranger.request(method, path.format(unknown), json=body)
        assert of_another.status_code == of_nobody.status_code == 404
        assert of_another.text.replace(agent_id, unknown) == of_nobody.text

    assert (await stranger.get("/api/agents")).json()["items"] == []
    assert (await client.get(f"/api/agents/{agent_id}")).json()["name"] == "Librarian"


@pytest.mark.parametrize("code", ["unknown_generator", "generator_unavailable"])
async def test_a_generator_that_the_service_does_not_offer_is_refused(
    api: Api, client: httpx.AsyncClient, code: str
) -> None:
    agent = await made(client)
    problem = {"title": "Unprocessable Content", "status": 422, "detail": "Use another one.", "code": code}
    api.mcp.answer("GET", "/generators/check", problem, 422)

    new = await client.post("/api/agents", json={"name": "Poet", "generator": "poet"})
    changed = await client.patch(f"/api/agents/{agent['id']}", json={"generator": "poet"})

    assert api.mcp.received[-1].query == {"name": "poet"}
    for answer in (new, changed):
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["detail"] == "Use another one."
    assert (await client.get(f"/api/agents/{agent['id']}")).json() == agent


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, {"detail": "The token is of another instance."}), (422, {"error": "Something else answers here."})],
)
async def test_an_agent_can_be_created_while_its_generator_cannot_be_checked(
    api: Api, client: httpx.AsyncClient, status: int, body: dict[str, str]
) -> None:
    api.mcp.answer("GET", "/generators/check", body, status)

    agent = await made(client, generator="openai:gpt")

    assert agent["generator"] == "openai:gpt"


async def test_other_fields_of_an_agent_can_change_when_its_generator_is_gone(
    api: Api, client: httpx.AsyncClient
) -> None:
    agent = await made(client, generator="gpt4all:gone.gguf")
    problem = {"title": "", "status": 422, "detail": "It is gone.", "code": "generator_unavailable"}
    api.mcp.answer("GET", "/generators/check", problem, 422)

    changed = await client.patch(
        f"/api/agents/{agent['id']}", json={"name": "Archivist", "generator": agent["generator"]}
    )

    assert (changed.status_code, changed.json()["name"]) == (200, "Archivist")
