"""The OpenAPI page."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx

from api.openapi import document

SCHEMA: dict[str, Any] = json.loads(document())
OPERATIONS = [
    (method, path, operation)
    for path, operations in SCHEMA["paths"].items()
    for method, operation in operations.items()
]
OPEN = {"/api/health", "/api/login"}


def undescribed() -> Iterator[str]:
    for name, schema in SCHEMA["components"]["schemas"].items():
        if not schema.get("description"):
            yield name
        for field, field_schema in schema.get("properties", {}).items():
            choices = field_schema.get("anyOf", [])
            if not field_schema.get("description") and not any("description" in choice for choice in choices):
                yield f"{name}.{field}"
    for method, path, operation in OPERATIONS:
        if not operation.get("description"):
            yield f"{method} {path}"
        for parameter in operation.get("parameters", []):
            if not parameter.get("description"):
                yield f"{method} {path} {parameter['name']}"


def test_every_call_parameter_and_field_is_described() -> None:
    assert list(undescribed()) == []


def test_every_error_is_declared_as_a_problem() -> None:
    for method, path, operation in OPERATIONS:
        answers = operation["responses"]
        assert "422" in answers, (method, path)
        for status, answer in answers.items():
            if status.startswith(("4", "5")) and (path, status) != ("/api/health", "503"):
                content = answer["content"]
                assert list(content) == ["application/problem+json"], (method, path, status)
                schema = content["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (method, path, status)


def test_every_operation_declares_its_security() -> None:
    for method, path, operation in OPERATIONS:
        schemes = {scheme for choice in operation.get("security", []) for scheme in choice}
        assert schemes == (set() if path in OPEN else {"ApiKey", "Session"}), (method, path)


def test_the_event_types_are_discriminated() -> None:
    schemas = SCHEMA["components"]["schemas"]
    agent_events = ("Progress", "Step", "Delta", "Message")
    others = ("ExecutionStarted", "ExecutionCompleted", "ExecutionError", "ExecutionStopped")

    assert "oneOf" in schemas["EventPage"]["properties"]["items"]["items"]
    assert {schemas[name]["properties"]["type"]["const"] for name in agent_events} == {"agent_event"}
    assert len({schemas[name]["properties"]["event_type"]["const"] for name in agent_events}) == len(agent_events)
    assert len({schemas[name]["properties"]["type"]["const"] for name in others}) == len(others)
    assert all("type" in schemas[name]["required"] for name in agent_events + others)


def test_names_are_unique_and_stay_the_same_when_paths_change() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]

    assert len(names) == len(set(names))
    assert {"list_agents", "start_execution", "list_events"} <= set(names)


def test_the_document_is_printed_deterministically_without_starting_anything() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "api.openapi"], capture_output=True, check=True, text=True, timeout=60
    )

    assert printed.stdout == document()
    assert printed.stderr == ""


async def test_the_printed_document_is_the_served_one(client: httpx.AsyncClient) -> None:
    served = await client.get("/api/openapi.json", headers={"Authorization": ""})

    assert served.json() == json.loads(document())


async def test_no_page_loads_scripts_from_elsewhere(client: httpx.AsyncClient) -> None:
    for path in ("/api/docs", "/api/redoc", "/docs", "/redoc"):
        assert "<script" not in (await client.get(path)).text


async def test_a_field_that_stays_when_omitted_has_no_default(client: httpx.AsyncClient) -> None:
    schemas = (await client.get("/api/openapi.json")).json()["components"]["schemas"]

    assert [name for name, field in schemas["AgentPatch"]["properties"].items() if "default" in field] == []
    assert schemas["AgentCreate"]["properties"]["top_k"]["default"] == 4
