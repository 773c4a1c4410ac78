"""Errors of plain HTTP calls, as `application/problem+json` (RFC 9457)."""

import math
from collections.abc import Mapping, Sequence

from starlette.responses import Response

from dynavera.contracts.documents import Refusal
from dynavera.contracts.system import FieldError, Problem
from dynavera.web.problems import MEDIA_TYPE, BadBody, status_title, without_surrogates
from mcp_service.refusals import ExpectedError, refusal_of, status_of


class AllRefused(Problem):
    """Every file of an upload was refused."""

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
            title=status_title(status),
            status=status,
            detail=without_surrogates(detail),
            code=code,
            errors=None if errors is None else list(errors),
        ),
        headers,
    )


def refusal_response(error: ExpectedError) -> Response:
    """The response to an expected error."""
    refusal = refusal_of(error)
    wait = refusal.retry_after_seconds
    headers = dict(error.headers or {}) if isinstance(error, BadBody) else {}
    if wait is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    return problem(status_of(error), refusal.code, refusal.detail, headers=headers)


def problem_response(body: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """`body` as a response."""
    return Response(body.model_dump_json(), body.status, headers, MEDIA_TYPE)
