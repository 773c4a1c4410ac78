"""Bad input is refused in words: never a 5xx, always a problem, and nothing is stored."""

import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any, NamedTuple

import httpx
from sqlalchemy import func, select

from dynavera.identifiers import new_id
from dynavera.records.tables import Table
from tests.api.conftest import Api

PROBLEM = "application/problem+json"
JSON = {"Content-Type": "application/json"}

AGENT = {"name": "Librarian"}
START = {"input_data": {"query": "What is fNIRS?"}}
GOOD_BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/api/agents"): AGENT,
    ("PATCH", "/api/agents/{agent_id}"): AGENT,
    ("POST", "/api/agents/{agent_id}/executions"): START,
    ("PUT", "/api/executions/{execution_id}/feedback"): {"verdict": "up"},
    ("POST", "/api/search"): {"query": "optodes"},
    ("POST", "/api/login"): {"code": "in_x"},
    ("POST", "/api/keys"): {"name": "laptop"},
    ("POST", "/api/users"): {"name": "guest"},
    ("PATCH", "/api/users/{user_id}"): {"active": True},
}
"""Every route that reads JSON; a test compares it with the OpenAPI page."""

NOT_JSON = [
    b"",
    b"{",
    b"nonsense",
    b"\xff\xfe{\x00}\x00",
    b'{"name": "\xe4"}',
    b"\xef\xbb\xbf{}",
    b'{"name": NaN}',
    b'{"name": -Infinity}',
    b'{"name": 1e999}',
    b'{"name": %s}' % (b"9" * 5000),
    b'{"name": ' + b"[" * 10_000,
    b'{"name": ' + b'{"a":' * 10_000,
    b'{"name": "\x00"}',
]
"""Bodies that are no JSON at all, or none that can be read."""

WRONG_VALUES: list[Any] = [None, [], "text", 7, True, {}, {"unknown": 1}, {"\ud800": 1}, {"a" * 10_000: 1}]


NO_TEXT: list[Any] = [None, 7, [], {"a": {"b": "c"}}]


class Refused(NamedTuple):
    """A body that is JSON and wrong, and the place that the answer must name."""

    method: str
    path: str
    body: Any
    location: str


def bad_bodies() -> Iterator[Refused]:
    for (method, path), good in GOOD_BODIES.items():
        yield Refused(method, path, {**good, "unknown": 1}, "body.unknown")
        for field in good:
            for wrong in NO_TEXT:
                # Without its only field a log-in has none of its two.
                place = "body" if path == "/api/login" and wrong is None else f"body.{field}"
                yield Refused(method, path, {**good, field: wrong}, place)
    for path in ("/api/agents", "/api/keys", "/api/users"):
        for name in ("", " \t\n", "a" * 201, "a\0b", "\ud800", "a\udc00"):
            yield Refused("POST", path, {"name": name}, "body.name")
    yield from (
        Refused("POST", "/api/agents", {**AGENT, field: wrong}, f"body.{field}")
        for field, values in {
            "top_k": (0, 51, -1, 1.5, "4", True, 10**30),
            "max_tokens": (0, 131_073, "200"),
            "temperature": (-0.1, 2.1, "0.2"),
            "collection": ("", "a b", "../secret", "-a", "a" * 65, "ä"),
            "description": ("a" * 2001, "\0"),
            "instructions": ("a" * 20_001, "\ud83d"),
            "generator": ("", " ", "a" * 201),
        }.items()
        for wrong in values
    )
    yield from (
        Refused("PATCH", "/api/users/{user_id}", {"active": wrong}, "body.active") for wrong in ("true", "no", 1, 0.0)
    )
    yield from (
        Refused("POST", "/api/agents/{agent_id}/executions", {"input_data": wrong}, "body.input_data")
        for wrong in (
            {},
            {"query": ""},
            {"query": "  "},
            {"query": 7},
            {"query": None},
            {"query": ["What?"]},
            {"question": "What?"},
            {"query": "a\0b"},
            {"query": "\ud800"},
            {"query": "What?", "more": {"deep": ["\udfff"]}},
            {"query": "What?", "\0": 1},
            {"query": "What?", "more": "a" * 64 * 1024},
            {"query": "ä" * 32_768},
            {"query": "What?", "more": json.loads("[" * 65 + "]" * 65)},
        )
    )
    yield from (
        Refused("POST", "/api/search", {"query": "optodes", **wrong}, location)
        for wrong, location in (
            ({"query": ""}, "body.query"),
            ({"query": "a" * 65_537}, "body.query"),
            ({"query": "a\0"}, "body.query"),
            ({"top_k": 0}, "body.top_k"),
            ({"collection": "a/b"}, "body.collection"),
        )
    )
    yield from (
        Refused("POST", "/api/login", wrong, location)
        for wrong, location in (
            ({}, "body"),
            ({"code": "a", "api_key": "b"}, "body"),
            ({"code": "a", "api_key": None}, "body"),
            ({"code": "a" * 201}, "body.code"),
            *(({name: blank}, f"body.{name}") for name in ("code", "api_key") for blank in ("", " \t", "a\0b")),
            ({"api_key": "\ud800"}, "body.api_key"),
        )
    )


BAD_PARAMETERS = [
    ("/api/agents", "limit", ("0", "201", "-1", "1.5", "x", "", "9" * 5000, "1e3", "0x10")),
    ("/api/agents", "cursor", ("", "x", "null", "a" * 300, "\0", "ä", "AAAAAAAAAAAAAAAAAAAAAB")),
    ("/api/executions", "limit", ("0", "201")),
    ("/api/executions", "cursor", ("", "x")),
    ("/api/executions", "status", ("", "done", "Running", "queued,running")),
    ("/api/executions", "agent_id", ("", "x", "0")),
    ("/api/executions", "feedback", ("", "Up", "up,down")),
    ("/api/executions", "q", ("", "a\0b", "a" * 1001)),
    ("/api/executions", "since", ("", "yesterday", "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00")),
    ("/api/executions", "until", ("2026-13-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "1e400")),
    ("/api/agents/{agent_id}/executions", "status", ("done",)),
    ("/api/agents/{agent_id}/executions", "limit", ("0",)),
    ("/api/agents/{agent_id}/executions", "cursor", ("x",)),
    ("/api/executions/{execution_id}/events", "after", ("-1", "x", "1.5", "", str(2**31), "9" * 100)),
    ("/api/executions/{execution_id}/events", "limit", ("0", "1001")),
    ("/api/documents", "limit", ("0", "201")),
    ("/api/documents", "collection", ("", "a b", "a" * 65, "../x")),
    ("/api/documents/{document_id}/passages", "limit", ("0", "x")),
]


async def filled(api: Api, client: httpx.AsyncClient) -> dict[str, str]:
    """Ids of things that exist."""
    agent = (await client.post("/api/agents", json=AGENT)).json()
    execution = (await client.post(f"/api/agents/{agent['id']}/executions", json=START)).json()
    user = await api.services.users.add("somebody")
    return {
        "agent_id": agent["id"],
        "execution_id": execution["id"],
        "user_id": str(user.id),
        "document_id": str(new_id()),
        "key_id": str(new_id()),
        "session_id": str(new_id()),
        "n": "1",
    }


async def stored(api: Api) -> dict[str, int]:
    """How many rows each table has."""
    async with api.database.reading() as session:
        return {
            name: await session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Table.metadata.tables.items()
        }


def assert_refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    said = f"{answer.request.method} {answer.request.url} → {answer.text[:300]}"
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), said
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code), said
    assert problem["title"], said
    assert problem["detail"], said
    assert len(answer.content) < 10_000, said
    return problem


async def test_the_table_has_every_route_that_reads_json(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/api/openapi.json")).json()["paths"]

    reads_json = {
        (method.upper(), path)
        for path, operations in paths.items()
        for method, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }

    assert reads_json == set(GOOD_BODIES)


async def test_what_is_not_json_is_refused_by_every_route(api: Api, client: httpx.AsyncClient) -> None:
    ids = await filled(api, client)
    before = await stored(api)

    for method, path in GOOD_BODIES:
        for body in NOT_JSON:
            answer = await client.request(method, path.format(**ids), content=body, headers=JSON)
            assert_refused(answer, 422, "invalid_json" if body else "invalid_request")
        for value in WRONG_VALUES:
            if path == "/api/agents/{agent_id}" and value == {}:
                continue
            answer = await client.request(method, path.format(**ids), content=json.dumps(value).encode(), headers=JSON)
            assert_refused(answer, 422, "invalid_request")

    assert await stored(api) == before


async def test_bad_values_are_refused_by_place_and_never_repeated(api: Api, client: httpx.AsyncClient) -> None:
    ids = await filled(api, client)
    before = await stored(api)

    for method, path, body, location in bad_bodies():
        answer = await client.request(method, path.format(**ids), content=json.dumps(body).encode(), headers=JSON)
        problem = assert_refused(answer, 422, "invalid_request")
        assert location in [error["location"] for error in problem["errors"]], (method, path, body, problem)

    assert await stored(api) == before


async def test_a_secret_that_was_sent_is_not_in_the_refusal(client: httpx.AsyncClient) -> None:
    secret = "dyn_very-secret" * 20

    answers = [
        await client.post("/api/login", json={"api_key": secret}),
        await client.post("/api/login", json={"code": [secret]}),
        await client.post("/api/login", content=f'{{"api_key": "{secret}'.encode(), headers=JSON),
        await client.get("/api/agents/dyn_very-secret"),
        await client.get("/api/agents", params={"cursor": "dyn_very-secret"}),
    ]

    assert [answer.status_code for answer in answers] == [422] * 5
    assert all("secret" not in answer.text for answer in answers)


async def test_bad_parameters_are_refused_not_corrected(api: Api, client: httpx.AsyncClient) -> None:
    ids = await filled(api, client)

    for path, name, values in BAD_PARAMETERS:
        for value in values:
            answer = await client.get(path.format(**ids), params={name: value})
            code = "bad_cursor" if name == "cursor" and value not in ("\0", "a" * 300) else "invalid_request"
            problem = assert_refused(answer, 422, code)
            if code == "invalid_request":
                assert [error["location"] for error in problem["errors"]] == [f"query.{name}"]


NO_TIMES = [
    *("0", "-1", "1700000000", "1700000000000", "1.5", "1e9", "nan", "Infinity"),
    *("2026-01-01", "2026", "12:00", "20260101T000000Z", "2026-W01-1T00:00:00Z"),
    *("2026-01-01T00:00:00", "2026-01-01T00:00", "2026-01-01 00:00:00Z", "2026-01-01_00:00:00Z"),
    *("2026-01-01T00:00:00 02:00", " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z\n", "٢٠٢٦-01-01T00:00:00Z"),
]
"""Not times in ISO 8601 with an offset from UTC, though lenient parsers accept some of them."""


async def test_times_are_iso_8601_with_an_offset_and_nothing_else(client: httpx.AsyncClient) -> None:
    for name in ("since", "until"):
        for value in NO_TIMES:
            answer = await client.get("/api/executions", params={name: value})
            errors = assert_refused(answer, 422, "invalid_request")["errors"]
            assert errors[0]["location"] == f"query.{name}", value
            assert "ISO 8601" in errors[0]["message"], value
        for value in ("2026-01-01T00:00:00Z", "2026-01-01t00:00z", "2026-01-01T02:00:00.123456+02:00"):
            assert (await client.get("/api/executions", params={name: value})).status_code == 200, value


async def test_invalid_ids_are_refused_on_every_route(api: Api, client: httpx.AsyncClient) -> None:
    ids = await filled(api, client)
    before = await stored(api)
    paths = (await client.get("/api/openapi.json")).json()["paths"]

    with_ids = [(path, operations) for path, operations in paths.items() if "{" in path]
    for path, operations in with_ids:
        name = path.split("{")[1].split("}")[0]
        for method in operations:
            for bad in ("x", "0", "null", "%00", "%FF%FE", "..%2f..", "a" * 3000, f"{ids[name]}0"):
                address = path.replace(f"{{{name}}}", bad, 1).format(**ids)
                answer = await client.request(method.upper(), address, json=GOOD_BODIES.get((method.upper(), path)))
                assert answer.headers["content-type"] == PROBLEM, (method, address, answer.text)
                assert answer.status_code in (404, 422), (method, address, answer.text)

    assert len(with_ids) >= 10
    assert await stored(api) == before


async def test_source_numbers_are_numbers_from_one_on(api: Api, client: httpx.AsyncClient) -> None:
    ids = await filled(api, client)

    for n in ("0", "-1", "x", "1.5", "9" * 40):
        answer = await client.get(f"/api/executions/{ids['execution_id']}/sources/{n}")
        assert assert_refused(answer, 422, "invalid_request")["errors"][0]["location"] == "path.n"


async def test_an_idempotency_key_is_short_and_not_empty(api: Api, client: httpx.AsyncClient) -> None:
    ids = await filled(api, client)
    before = await stored(api)

    for key in ("", "a" * 201):
        answer = await client.post(
            f"/api/agents/{ids['agent_id']}/executions", json=START, headers={"Idempotency-Key": key}
        )
        errors = assert_refused(answer, 422, "invalid_request")["errors"]
        assert errors[0]["location"] == "header.idempotency-key"

    assert await stored(api) == before


async def test_bodies_over_a_mebibyte_are_refused_with_and_without_a_length(
    api: Api, client: httpx.AsyncClient
) -> None:
    ids = await filled(api, client)
    before = await stored(api)
    large = json.dumps({"name": "a" * 1024 * 1024}).encode()

    async def unannounced() -> AsyncGenerator[bytes]:
        for start in range(0, len(large), 100_000):
            yield large[start : start + 100_000]

    for method, path in GOOD_BODIES:
        for content in (large, unannounced()):
            answer = await client.request(method, path.format(**ids), content=content, headers=JSON)
            assert_refused(answer, 413, "too_large")

    assert await stored(api) == before


async def test_a_body_of_another_content_type_is_refused(api: Api, client: httpx.AsyncClient) -> None:
    ids = await filled(api, client)
    before = await stored(api)

    for method, path in GOOD_BODIES:
        body = json.dumps(GOOD_BODIES[method, path]).encode()
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x", None):
            headers = {} if kind is None else {"Content-Type": kind}
            answer = await client.request(method, path.format(**ids), content=body, headers=headers)
            assert_refused(answer, 415, "not_json")

    assert await stored(api) == before


async def test_unknown_paths_and_methods_are_problems_too(client: httpx.AsyncClient) -> None:
    for path in ("/api", "/api/", "/api/nothing", "/api/agents/", "/api/agents/x/y/z", "/metrics/x", "/ws/agents"):
        assert_refused(await client.get(path), 404, "not_found")
    for method, path, allowed in (
        ("PUT", "/api/agents", "GET, POST"),
        ("POST", f"/api/agents/{new_id()}", "GET, PATCH, DELETE"),
        ("DELETE", "/api/health", "GET"),
        ("OPTIONS", "/api/agents", "GET, POST"),
        ("PROPFIND", "/api/login", "POST"),
        ("POST", "/metrics", "GET"),
        ("POST", "/", "GET, HEAD"),
    ):
        answer = await client.request(method, path)
        assert_refused(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allowed
