"""The API as its OpenAPI page describes it, for tests to compare with what it does."""

import json
import re
from http import HTTPStatus
from typing import Any, NamedTuple

import httpx

from api.openapi import document

SCHEMA: dict[str, Any] = json.loads(document())

BEFORE_ANY_ROUTE = frozenset({"foreign_host", "foreign_origin"})
"""Codes of what is refused whatever the path: they are described once, not with each operation."""


class Operation(NamedTuple):
    """One method of one path."""

    method: str
    path: str
    description: dict[str, Any]


OPERATIONS = [
    Operation(method.upper(), path, description)
    for path, operations in SCHEMA["paths"].items()
    for method, description in operations.items()
]


def operation_of(method: str, path: str) -> Operation | None:
    """The operation that answers `method` on `path`, if there is one; a fixed path counts before one with an id."""
    fitting = [each for each in OPERATIONS if each.method == method and _pattern(each.path).fullmatch(path)]
    return min(fitting, key=lambda each: each.path.count("{"), default=None)


async def assert_declared(response: httpx.Response) -> None:
    """Make sure that the OpenAPI page declares this status for the operation; a hook for a client's answers."""
    request = response.request
    operation = operation_of(request.method, request.url.path)
    status = response.status_code
    if (
        operation is None
        or status == HTTPStatus.INTERNAL_SERVER_ERROR
        or str(status) in operation.description["responses"]
    ):
        return
    await response.aread()
    if response.json()["code"] not in BEFORE_ANY_ROUTE:
        raise AssertionError(f"{request.method} {operation.path} does not declare {status}: {response.text[:300]}")


DECLARED = {"response": [assert_declared]}
"""Event hooks of a client whose every answer must be declared."""


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{[a-z_]+\\}|{[a-z_]+}", "[^/]+", re.escape(path)))
