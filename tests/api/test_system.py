"""Health, system and metrics."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from dynavera.identifiers import new_id
from tests.api.conftest import Api

SERVICE = {"status": "ok", "generator": "openai:gpt", "embedder": "wordllama", "documents": 2, "passages": 9}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (
            {"title": "", "status": 503, "detail": "The database cannot be used now.", "code": "database_away"},
            "The database cannot be used now.",
        ),
        ({"message": "no upstream"}, "The MCP service does not answer now. Try again in a moment."),
    ],
)
async def test_the_health_of_an_unavailable_mcp_service_has_its_reason(
    api: Api, body: dict[str, object], detail: str
) -> None:
    api.mcp.answer("GET", "/health", body, 503)

    check = await api.services.health.check_mcp()

    assert (check.status, check.detail) == ("away", detail)


async def test_the_system_has_generators_and_addresses(api: Api, client: httpx.AsyncClient) -> None:
    api.mcp.answer("GET", "/health", SERVICE | {"passages_to_embed": 3})
    usable = ["extractive", "gpt4all:tiny.gguf", "openai:gpt"]
    api.mcp.answer("GET", "/generators", {"default": "openai:gpt", "usable": usable})

    system = (await client.get("/api/system")).json()

    assert system["versions"].keys() == {"dynavera", "python", "temporal"}
    assert (system["generator"], system["embedder"]) == ("openai:gpt", "wordllama")
    assert system["passages_to_embed"] == 3
    assert system["generators"] == usable
    assert system["temporal_ui"] == "http://127.0.0.1:8233"


async def test_versions_of_unavailable_components_are_null(api: Api, client: httpx.AsyncClient) -> None:
    system = (await client.get("/api/system")).json()

    assert system["versions"]["temporal"] is None
    assert (system["generator"], system["generators"], system["embedder"]) == (None, [], None)


async def test_metrics_count_requests_by_route_and_live_executions(client: httpx.AsyncClient) -> None:
    agent = (await client.post("/api/agents", json={"name": "Librarian"})).json()
    for _ in range(2):
        await client.get(f"/api/agents/{agent['id']}")
    await client.get(f"/api/agents/{new_id()}")
    await client.get("/api/nothing/at/all")
    await client.request("PROPFIND", "/api/agents")
    await client.post(f"/api/agents/{agent['id']}/executions", json={"input_data": {"query": "What?"}})

    answer = await client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }

    def requests(method: str, route: str, status: str) -> float:
        return samples["dynavera_http_requests_total", ("method", method), ("route", route), ("status", status)]

    assert requests("GET", "/api/agents/{agent_id}", "200") == 2
    assert requests("GET", "/api/agents/{agent_id}", "404") == 1
    assert requests("GET", "unmatched", "404") == 1
    assert requests("other", "/api/agents", "405") == 1
    assert requests("POST", "/api/agents/{agent_id}/executions", "202") == 1
    assert samples["dynavera_executions", ("status", "queued")] == 1
    assert samples["dynavera_executions", ("status", "running")] == 0


async def test_without_the_database_a_request_may_be_retried(api: Api, client: httpx.AsyncClient) -> None:
    async with api.database.writing() as session:
        await session.execute(text("ALTER TABLE executions RENAME TO secret_name"))

    answer = await client.get(f"/api/executions/{new_id()}")

    assert (answer.status_code, answer.json()["code"]) == (503, "database_away")
    assert int(answer.headers["retry-after"]) > 0
    assert "no such table" not in answer.text


async def test_an_unexpected_error_is_logged_and_not_shown(
    api: Api, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    agent = (await client.post("/api/agents", json={"name": "Librarian"})).json()
    started = await client.post(f"/api/agents/{agent['id']}/executions", json={"input_data": {"query": "What?"}})
    async with api.database.writing() as session:
        await session.execute(text("""UPDATE executions SET settings = '{"name": ["a secret value"]}'"""))

    answer = await client.get(f"/api/executions/{started.json()['id']}/settings")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "a secret value" in caplog.text
    assert (await client.get("/api/me")).status_code == 200
