"""The OpenAPI page refuses what the code refuses, as far as JSON Schema can say it, and takes what the code takes."""

import json
import re
from typing import Any, cast

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from dynavera.identifiers import new_id
from dynavera.records.cursors import cursor_of
from tests.api.openapi import SCHEMA, operation_of
from tests.api.test_bad_input import BAD_PARAMETERS, GOOD_BODIES, START, bad_bodies

FORMATS = FormatChecker(["uuid"])


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether `value` fits a schema of the OpenAPI page."""
    whole = {**schema, "components": SCHEMA["components"]}
    validator = cast("Any", Draft202012Validator(whole, format_checker=FORMATS))
    return bool(validator.is_valid(value))


def body_schema(method: str, path: str) -> dict[str, Any]:
    operation = operation_of(method, path.replace("{", "").replace("}", ""))
    assert operation is not None, (method, path)
    return operation.description["requestBody"]["content"]["application/json"]["schema"]


def parameter_schema(path: str, name: str) -> dict[str, Any]:
    operation = operation_of("GET", path.replace("{", "").replace("}", ""))
    assert operation is not None, path
    return next(each["schema"] for each in operation.description["parameters"] if each["name"] == name)


def fits_in_url(text: str, schema: dict[str, Any]) -> bool:
    """Whether a parameter of a URL fits: what is not written as a number is none."""
    if schema["type"] != "integer":
        return fits(text, schema)
    return re.fullmatch("-?[0-9]{1,40}", text) is not None and fits(int(text), schema)


def is_beyond_json_schema(body: Any) -> bool:
    """Half a surrogate pair, a size in bytes, and what the user's own fields hold."""
    if re.search(r"\\ud[89a-f]", json.dumps(body)):
        return True
    match body:
        case {"input_data": {"query": str(query), **more}}:
            return len(more) > 0 or len(query.encode()) > len(query)
        case _:
            return False


def test_bodies_that_the_code_refuses_do_not_fit_their_schemas() -> None:
    refused = [each for each in bad_bodies() if not is_beyond_json_schema(each.body)]

    fitting = [each for each in refused if fits(each.body, body_schema(each.method, each.path))]

    assert fitting == []
    assert len(refused) > 100


@pytest.mark.parametrize(("method", "path"), GOOD_BODIES)
def test_bodies_that_the_code_accepts_fit_their_schemas(method: str, path: str) -> None:
    assert fits(GOOD_BODIES[method, path], body_schema(method, path))


@pytest.mark.parametrize("more", [{}, {"query": "a" * (64 * 1024 - 12)}, {"other": {"deep": [1, None]}}])
async def test_inputs_at_the_limit_fit_and_are_accepted(client: httpx.AsyncClient, more: dict[str, Any]) -> None:
    agent = (await client.post("/api/agents", json={"name": "Librarian"})).json()
    start = {"input_data": START["input_data"] | more}

    answer = await client.post(f"/api/agents/{agent['id']}/executions", json=start)

    assert answer.status_code == 202
    assert fits(start, body_schema("POST", "/api/agents/{agent_id}/executions"))


def test_parameters_that_the_code_refuses_do_not_fit_their_schemas() -> None:
    for path, name, values in BAD_PARAMETERS:
        schema = parameter_schema(path, name)
        # Whether a text is a time is its format, which validators may leave open.
        fitting = [] if schema.get("format") == "date-time" else [each for each in values if fits_in_url(each, schema)]

        assert fitting == [], (path, name)


def test_cursors_fit_their_schema() -> None:
    schema = parameter_schema("/api/agents", "cursor")

    assert all(fits(cursor_of(new_id()), schema) for _ in range(100))


def test_no_parameter_may_be_null() -> None:
    nullable = [
        (path, parameter["name"])
        for path, operations in SCHEMA["paths"].items()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
        if fits(None, parameter["schema"])
    ]

    assert nullable == []
