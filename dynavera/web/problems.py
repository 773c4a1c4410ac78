"""Error responses: `application/problem+json` (RFC 9457)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from starlette.responses import Response

from dynavera.contracts.system import FieldError, Problem

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20
MAX_LOCATION_LENGTH = 200

_NEWER_TITLES = {414: "URI Too Long", 413: "Content Too Large", 422: "Unprocessable Content"}
"""The titles of RFC 9110; they differ between versions of Python."""


@dataclass(frozen=True)
class ErrorResponse:
    """The response to an error: `code` is stable, `detail` is for people."""

    status: int
    code: str
    detail: str = ""
    retry_after_seconds: float | None = None


def problem(
    answer: ErrorResponse, *, errors: Sequence[FieldError] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """`answer` as a response."""
    body = Problem(
        title=status_title(answer.status),
        status=answer.status,
        detail=without_surrogates(answer.detail),
        code=answer.code,
        errors=None if errors is None else list(errors),
    )
    standard: dict[str, str] = {}
    if answer.retry_after_seconds is not None:
        standard["Retry-After"] = str(max(1, math.ceil(answer.retry_after_seconds)))
    if answer.status == HTTPStatus.UNAUTHORIZED:
        standard["WWW-Authenticate"] = "Bearer"
    return problem_response(body, standard | dict(headers or {}))


def problem_response(body: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """`body` as a response."""
    return Response(body.model_dump_json(), body.status, headers, MEDIA_TYPE)


def status_title(status: int) -> str:
    """The title of a status in RFC 9110."""
    return _NEWER_TITLES.get(status) or HTTPStatus(status).phrase


def without_surrogates(text: str) -> str:
    """`text` with lone surrogates replaced: a field's name may contain them, but UTF-8 cannot encode them."""
    return text.encode(errors="replace").decode()


def field_errors(found: Sequence[Any]) -> list[FieldError]:
    """Pydantic's errors by location, without the values, which may be secrets."""
    return [_field_error(error) for error in found[:MAX_ERRORS]]


def error_summary(errors: Sequence[FieldError]) -> str:
    """The first error, in one line."""
    return f"{errors[0].location}: {errors[0].message}" if errors else "The request is invalid."


def _field_error(error: Mapping[str, Any]) -> FieldError:
    location = ".".join(str(part) for part in cast("Sequence[object]", error["loc"]))
    return FieldError(
        location=without_surrogates(location)[:MAX_LOCATION_LENGTH], message=without_surrogates(_message(error))
    )


def _message(error: Mapping[str, Any]) -> str:
    kind = str(error["type"])
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind.startswith("uuid"):
        # Pydantic's own message repeats a part of the value.
        return "must be a UUID"
    # For a text with a validator before its length check, Pydantic's message speaks of items.
    match error:
        case {"type": "too_long", "input": str(), "ctx": {"max_length": maximum, "actual_length": length}}:
            return f"must have at most {maximum} characters, and has {length}"
        case {"type": "too_short", "input": str(), "ctx": {"min_length": 1}}:
            return "must not be empty"
        case _:
            return str(error["msg"])
