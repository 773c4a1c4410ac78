"""Errors of plain HTTP calls, as `application/problem+json` (RFC 9457)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.responses import Response

from dynavera.contracts.documents import Refusal
from dynavera.contracts.system import FieldError, Problem

PROBLEM_JSON = "application/problem+json"


class AllRefused(Problem):
    """Every file that was sent was refused."""

    refused: list[Refusal]


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error response; `code` is stable, `detail` is for people."""
    return problem_response(
        Problem(
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            code=code,
            errors=None if errors is None else list(errors),
        ),
        headers,
    )


def problem_response(said: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """`said` as a response."""
    return Response(said.model_dump_json(), said.status, headers, PROBLEM_JSON)
