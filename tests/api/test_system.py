"""Health, system and metrics."""

from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.health import database_check, mcp_check
from dynavera.contracts.system import Checks
from dynavera.identifiers import new_id
from dynavera.records.database import Database, DatabaseAway
from tests.api.conftest import Api
from tests.api.fakes import AWAY, OK

SERVICE = {"status": "ok", "generator": "openai:gpt", "embedder": "wordllama", "documents": 2, "passages": 9}


@pytest.mark.parametrize(
    ("away", "status_code", "status"),
    [
        (None, 200, "ok"),
        ("database", 503, "degraded"),
        ("temporal", 503, "degraded"),
        ("worker", 200, "degraded"),
        ("mcp", 200, "degraded"),
    ],
)
async def test_health_is_open_and_503_without_database_or_temporal(
    api: Api, away: str | None, status_code: int, status: str
) -> None:
    checks = Checks(database=OK, temporal=OK, worker=OK, mcp=OK)
    api.health.checks = checks if away is None else checks.model_copy(update={away: AWAY})

    async with api.client(None) as nobody:
        answer = await nobody.get("/api/health")

    assert (answer.status_code, answer.json()["status"]) == (status_code, status)
    assert answer.json()["checks"] == api.health.checks.model_dump()


async def test_the_database_is_ok_with_our_tables_and_away_without(api: Api, tmp_path: Path) -> None:
    empty = Database(f"sqlite+aiosqlite:///{tmp_path / 'empty.sqlite3'}")

    found, missing = await database_check(api.database), await database_check(empty)
    await empty.close()

    assert (found.status, missing.status) == ("ok", "away")


async def test_the_mcp_service_is_ok_when_it_says_what_it_works_with(api: Api) -> None:
    before = await mcp_check(api.services.knowledge)
    api.mcp.answer("GET", "/health", SERVICE)
    after = await mcp_check(api.services.knowledge)

    assert before.status == "away"
    assert (after.status, after.detail) == ("ok", "Generator openai:gpt, embedder wordllama.")


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
async def test_a_service_that_cannot_say_how_it_is_says_why(api: Api, body: dict[str, object], detail: str) -> None:
    api.mcp.answer("GET", "/health", body, 503)

    check = await mcp_check(api.services.knowledge)

    assert (check.status, check.detail) == ("away", detail)


async def test_the_system_says_what_runs(api: Api, client: httpx.AsyncClient) -> None:
    api.mcp.answer("GET", "/health", SERVICE)
    usable = ["extractive", "gpt4all:tiny.gguf", "openai:gpt"]
    api.mcp.answer("GET", "/generators", {"default": "openai:gpt", "usable": usable})

    system = (await client.get("/api/system")).json()

    assert system["versions"].keys() == {"dynavera", "python", "temporal"}
    assert system["versions"]["temporal"] == "1.32.0"
    assert (system["generator"], system["embedder"]) == ("openai:gpt", "wordllama")
    assert system["generators"] == usable
    assert system["temporal_ui"] == "http://127.0.0.1:8233"


async def test_what_cannot_be_asked_is_null(api: Api, client: httpx.AsyncClient) -> None:
    api.health.version = None

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


async def test_without_the_database_a_request_is_told_to_come_back(api: Api, client: httpx.AsyncClient) -> None:
    api.executions.fails_with = DatabaseAway("The database cannot be used now: (secret.host) refused.")

    answer = await client.get(f"/api/executions/{new_id()}")

    assert (answer.status_code, answer.json()["code"]) == (503, "database_away")
    assert int(answer.headers["retry-after"]) > 0
    assert "secret.host" not in answer.text


async def test_what_nobody_expected_is_logged_and_not_shown(
    api: Api, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    api.executions.fails_with = ArithmeticError("the secret of the sum")

    answer = await client.get(f"/api/executions/{new_id()}")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "the secret of the sum" in caplog.text
    assert (await client.get("/api/me")).status_code == 200
