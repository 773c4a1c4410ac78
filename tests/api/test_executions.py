"""Executions over REST, without Temporal."""

from uuid import UUID

import httpx
import pytest

from dynavera.contracts.agents import AgentSettings
from dynavera.contracts.documents import Source
from dynavera.identifiers import new_id
from tests.answers import answer_with
from tests.api.conftest import Api

QUESTION = {"input_data": {"query": "What is fNIRS?"}}
CITED = Source(
    n=1,
    document_id=new_id(),
    document="fnirs.md",
    passage_id=new_id(),
    text="Light passes through the skull.",
    score=0.5,
    sha256="of the cited text",
)


async def agent_of(client: httpx.AsyncClient) -> str:
    return (await client.post("/api/agents", json={"name": "Librarian"})).json()["id"]


async def started(client: httpx.AsyncClient) -> dict[str, str]:
    answer = await client.post(f"/api/agents/{await agent_of(client)}/executions", json=QUESTION)
    assert answer.status_code == 202
    return answer.json()


async def answered(api: Api, client: httpx.AsyncClient) -> dict[str, str]:
    """An execution whose answer cites a source."""
    execution = await started(client)
    await answer_with(api.database, UUID(execution["agent_id"]), UUID(execution["id"]), CITED)
    return (await client.get(f"/api/executions/{execution['id']}")).json()


async def test_a_start_is_accepted_with_the_execution(client: httpx.AsyncClient) -> None:
    execution = await started(client)

    assert execution["status"] == "queued"
    assert execution["input_data"] == QUESTION["input_data"]
    assert "partial_answer" not in execution
    assert (await client.get(f"/api/executions/{execution['id']}")).json() == execution


async def test_an_idempotency_key_makes_one_execution(client: httpx.AsyncClient) -> None:
    path = f"/api/agents/{await agent_of(client)}/executions"
    headers = {"Idempotency-Key": "once"}

    first = await client.post(path, json=QUESTION, headers=headers)
    again = await client.post(path, json=QUESTION, headers=headers)
    other = await client.post(path, json={"input_data": {"query": "What is EEG?"}}, headers=headers)

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


async def test_a_stop_is_accepted_and_an_ended_execution_is_returned_as_it_is(client: httpx.AsyncClient) -> None:
    path = f"/api/executions/{(await started(client))['id']}/stop"

    first = await client.post(path)
    again = await client.post(path)

    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json() == again.json()


async def test_a_retry_waits_for_the_end(client: httpx.AsyncClient) -> None:
    execution = await started(client)
    path = f"/api/executions/{execution['id']}"

    too_early = await client.post(f"{path}/retry")
    await client.post(f"{path}/stop")
    retried = await client.post(f"{path}/retry")

    assert (too_early.status_code, too_early.json()["code"]) == (409, "execution_still_runs")
    assert retried.status_code == 202
    assert retried.json()["retry_of"] == execution["id"]
    assert retried.json()["id"] != execution["id"]


async def test_an_execution_keeps_the_settings_of_its_start(client: httpx.AsyncClient) -> None:
    agent = (await client.post("/api/agents", json={"name": "Librarian", "top_k": 7})).json()
    execution = (await client.post(f"/api/agents/{agent['id']}/executions", json=QUESTION)).json()

    await client.patch(f"/api/agents/{agent['id']}", json={"top_k": 2, "instructions": "Be brief."})
    settings = await client.get(f"/api/executions/{execution['id']}/settings")

    assert settings.status_code == 200
    assert (settings.json()["top_k"], settings.json()["instructions"]) == (7, "")
    assert set(settings.json()) == set(AgentSettings.model_fields)


async def test_every_filter_narrows_the_list(client: httpx.AsyncClient) -> None:
    execution = await started(client)
    fitting = {
        "agent_id": execution["agent_id"],
        "status": "queued",
        "q": "fnirs",
        "since": execution["created_at"],
        "until": "2100-01-02T05:04:05+02:00",
        "latest": True,
    }
    others = {
        "agent_id": await agent_of(client),
        "status": "failed",
        "q": "100 %",
        "since": "2100-01-02T05:04:05+02:00",
        "until": execution["created_at"],
    }

    listed = (await client.get("/api/executions", params=fitting)).json()
    narrowed = {
        name: (await client.get("/api/executions", params={**fitting, name: other})).json()["items"]
        for name, other in others.items()
    }
    await client.post(f"/api/agents/{execution['agent_id']}/executions", json=QUESTION)
    of_two = [(await client.get("/api/executions", params={"latest": only})).json()["items"] for only in (True, False)]

    assert listed == {"items": [execution], "next_cursor": None}
    assert narrowed == {name: [] for name in others}
    assert [len(items) for items in of_two] == [1, 2]


async def test_the_list_is_sorted(client: httpx.AsyncClient) -> None:
    made = [(await started(client))["id"] for _ in range(3)]
    await client.post(f"/api/executions/{made[1]}/stop")

    async def listed(**params: str) -> list[int]:
        return [made.index(one["id"]) for one in (await client.get("/api/executions", params=params)).json()["items"]]

    assert await listed() == [2, 1, 0]
    assert await listed(order="asc") == [0, 1, 2]
    assert await listed(sort="status", order="desc") == [1, 2, 0]
    refused = await client.get("/api/executions", params={"sort": "mood"})
    assert (refused.status_code, refused.json()["errors"][0]["location"]) == (422, "query.sort")


async def test_an_ended_execution_is_deleted_with_its_log(api: Api, client: httpx.AsyncClient) -> None:
    execution, running = await answered(api, client), await started(client)

    too_early = await client.delete(f"/api/executions/{running['id']}")
    deleted = await client.delete(f"/api/executions/{execution['id']}")
    again = await client.delete(f"/api/executions/{execution['id']}")
    events = await client.get(f"/api/executions/{execution['id']}/events")

    assert (too_early.status_code, too_early.json()["code"]) == (409, "execution_still_runs")
    assert "Stop it first" in too_early.json()["detail"]
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (again.status_code, again.json()["code"]) == (404, "not_found")
    assert events.status_code == 404
    assert (await client.get("/api/executions")).json()["items"] == [running]


async def test_the_executions_of_an_agent_are_its_own(client: httpx.AsyncClient) -> None:
    execution, _other = await started(client), await started(client)

    page = (await client.get(f"/api/agents/{execution['agent_id']}/executions", params={"status": "queued"})).json()

    assert page == {"items": [execution], "next_cursor": None}


async def test_executions_are_counted_by_status(client: httpx.AsyncClient) -> None:
    execution, _other = await started(client), await started(client)
    filters = {"agent_id": str(execution["agent_id"]), "q": "fNIRS", "since": "2026-01-02T03:04:05Z"}

    everything = (await client.get("/api/executions/counts")).json()
    of_one_agent = (await client.get("/api/executions/counts", params=filters)).json()
    of_nothing = (await client.get("/api/executions/counts", params={**filters, "q": "EEG"})).json()

    none = {"queued": 0, "running": 0, "completed": 0, "failed": 0, "stopped": 0}
    assert everything == {**none, "queued": 2}
    assert of_one_agent == {**none, "queued": 1}
    assert of_nothing == none


async def test_executions_of_an_unknown_agent_are_not_counted(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/executions/counts", params={"agent_id": str(new_id())})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_events_have_a_type(client: httpx.AsyncClient) -> None:
    execution = await started(client)
    path = f"/api/executions/{execution['id']}/events"

    page = (await client.get(path)).json()
    after = (await client.get(path, params={"after": 1})).json()

    assert [(event["sequence"], event["type"]) for event in page["items"]] == [(1, "execution_started")]
    assert after == {"items": [], "next_after": None}


@pytest.mark.parametrize(
    ("passages", "state"), [([CITED.sha256], "unchanged"), (["of another text"], "changed"), (None, "gone")]
)
async def test_a_pinned_source_has_the_state_of_its_document(
    api: Api, client: httpx.AsyncClient, passages: list[str] | None, state: str
) -> None:
    execution = await answered(api, client)
    path = f"/documents/{CITED.document_id}"
    if passages is not None:
        api.mcp.answer("GET", path, DOCUMENT)
        items = [{**PASSAGE, "document_id": str(CITED.document_id), "sha256": sha256} for sha256 in passages]
        api.mcp.answer("GET", f"{path}/passages", {"items": items, "next_cursor": None})

    answer = (await client.get(f"/api/executions/{execution['id']}/sources/1")).json()

    assert answer["state"] == state
    assert answer["source"] == CITED.model_dump(mode="json")
    assert answer["document"] == (None if passages is None else DOCUMENT)
    place = {"page": None, **PASSAGE, "document_id": str(CITED.document_id), "sha256": CITED.sha256}
    assert answer["passage"] == (place if state == "unchanged" else None)


@pytest.mark.parametrize("rest", ["", "/passages"])
async def test_the_error_of_an_unavailable_mcp_service_is_passed_on(
    api: Api, client: httpx.AsyncClient, rest: str
) -> None:
    execution = await answered(api, client)
    path = f"/documents/{CITED.document_id}"
    api.mcp.answer("GET", path, DOCUMENT)
    api.mcp.answer("GET", path + rest, NOT_OPEN_YET, 503, retry_after="7")

    answer = await client.get(f"/api/executions/{execution['id']}/sources/1")

    assert (answer.status_code, answer.json()) == (503, NOT_OPEN_YET)
    assert answer.headers["retry-after"] == "7"


async def test_an_unknown_source_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/api/executions/{(await started(client))['id']}/sources/2")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_another_users_execution_answers_exactly_like_none(
    api: Api, client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    execution = await answered(api, client)
    execution_id, unknown = str(execution["id"]), str(new_id())

    for method, path in (
        ("GET", "/api/executions/{}"),
        ("POST", "/api/executions/{}/stop"),
        ("GET", "/api/executions/{}/settings"),
        ("POST", "/api/executions/{}/retry"),
        ("GET", "/api/executions/{}/events"),
        ("GET", "/api/executions/{}/sources/1"),
        ("DELETE", "/api/executions/{}"),
    ):
        of_another = await stranger.request(method, path.format(execution_id))
        of_nobody = await stranger.request(method, path.format(unknown))
        assert of_another.status_code == of_nobody.status_code == 404
        assert of_another.text.replace(execution_id, unknown) == of_nobody.text

    assert (await stranger.get("/api/executions")).json()["items"] == []
    assert (await client.get(f"/api/executions/{execution_id}")).json() == execution


PASSAGE = {
    "passage_id": str(CITED.passage_id),
    "position": 0,
    "heading": "",
    "start": 0,
    "end": 10,
    "text": "any",
}

DOCUMENT: dict[str, object] = {
    "id": str(CITED.document_id),
    "name": "fnirs.md",
    "collection": "default",
    "media_type": "text/markdown",
    "bytes": 10,
    "sha256": "of the file",
    "passages": 1,
    "created_at": "2026-01-02T03:04:05Z",
    "title": None,
    "date": None,
    "tags": [],
    "notice": None,
    "outdated": False,
}
NOT_OPEN_YET = {
    "type": "about:blank",
    "title": "Service Unavailable",
    "status": 503,
    "detail": "The knowledge base is still being opened. Try again in a moment.",
    "code": "opening",
}


async def test_feedback_is_given_replaced_and_removed(api: Api, client: httpx.AsyncClient) -> None:
    execution = await answered(api, client)
    path = f"/api/executions/{execution['id']}"
    log = (await client.get(f"{path}/events")).content

    given = await client.put(f"{path}/feedback", json={"verdict": "down", "note": "Wrong unit: µm"})
    replaced = await client.put(f"{path}/feedback", json={"verdict": "up"})
    read = await client.get(path)
    removed = [await client.delete(f"{path}/feedback") for _twice in range(2)]

    assert (given.status_code, replaced.status_code) == (200, 200)
    assert {**given.json()["feedback"], "updated_at": ""} == {
        "verdict": "down",
        "note": "Wrong unit: µm",
        "updated_at": "",
    }
    assert (replaced.json()["feedback"]["verdict"], replaced.json()["feedback"]["note"]) == ("up", None)
    assert read.json() == replaced.json()
    assert [answer.json() for answer in removed] == [execution, execution]
    assert (await client.get(f"{path}/events")).content == log


async def test_executions_are_filtered_and_counted_by_feedback(api: Api, client: httpx.AsyncClient) -> None:
    liked, disliked, _without = [await answered(api, client) for _each in range(3)]
    await client.put(f"/api/executions/{liked['id']}/feedback", json={"verdict": "up"})
    await client.put(f"/api/executions/{disliked['id']}/feedback", json={"verdict": "down", "note": "Too long"})

    page = (await client.get("/api/executions", params={"feedback": "down"})).json()
    counts = (await client.get("/api/executions/counts", params={"feedback": "up"})).json()
    unknown = await client.get("/api/executions", params={"feedback": "sideways"})

    assert [item["id"] for item in page["items"]] == [disliked["id"]]
    assert page["items"][0]["feedback"]["note"] == "Too long"
    assert counts["completed"] == 1
    assert unknown.status_code == 422


async def test_feedback_waits_for_the_end_of_the_execution(client: httpx.AsyncClient) -> None:
    execution = await started(client)

    too_early = await client.put(f"/api/executions/{execution['id']}/feedback", json={"verdict": "up"})

    assert (too_early.status_code, too_early.json()["code"]) == (409, "execution_still_runs")


async def test_feedback_of_another_user_is_not_found(
    api: Api, client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    execution = await answered(api, client)
    path = f"/api/executions/{execution['id']}/feedback"

    given = await stranger.put(path, json={"verdict": "up"})
    removed = await stranger.delete(path)

    assert [(answer.status_code, answer.json()["code"]) for answer in (given, removed)] == [(404, "not_found")] * 2
    assert (await client.get(f"/api/executions/{execution['id']}")).json() == execution


@pytest.mark.parametrize(
    "body", [{}, {"verdict": "maybe"}, {"verdict": "up", "note": "x" * 2001}, {"verdict": "up", "note": " "}]
)
async def test_invalid_feedback_is_refused(api: Api, client: httpx.AsyncClient, body: dict[str, str]) -> None:
    execution = await answered(api, client)

    refused = await client.put(f"/api/executions/{execution['id']}/feedback", json=body)

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


async def test_an_execution_with_feedback_is_deleted(api: Api, client: httpx.AsyncClient) -> None:
    execution = await answered(api, client)
    path = f"/api/executions/{execution['id']}"
    await client.put(f"{path}/feedback", json={"verdict": "up", "note": "x" * 2000})

    assert (await client.delete(path)).status_code == 204
