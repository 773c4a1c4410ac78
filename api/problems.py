"""RFC 9457 `application/problem+json`: how the API says no."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from dynavera.contracts.system import FieldError, Problem
from dynavera.web.problems import MEDIA_TYPE, status_title, without_surrogates


@dataclass(frozen=True)
class Answer:
    """How an error is answered; without a `detail` the error's own sentence is."""

    status: int
    code: str
    detail: str | None = None
    retry_after_seconds: int | None = None


def problem(
    answer: Answer, detail: str, *, errors: list[FieldError] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """`answer` as a response."""
    body = Problem(
        title=status_title(answer.status),
        status=answer.status,
        detail=without_surrogates(detail),
        code=answer.code,
        errors=errors,
    )
    more = dict(headers or {})
    if answer.retry_after_seconds is not None:
        more["Retry-After"] = str(answer.retry_after_seconds)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        more["WWW-Authenticate"] = "Bearer"
    return Response(body.model_dump_json(), answer.status, more, MEDIA_TYPE)
