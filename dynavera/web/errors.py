"""The responses to errors, the same in every service."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import ClassVar, cast

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from dynavera.records.cursors import BadCursor
from dynavera.records.database import DatabaseAway
from dynavera.web.problems import ErrorResponse, error_summary, field_errors, problem

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_SHARED = {
    BadCursor: ErrorResponse(422, "bad_cursor"),
    ClientDisconnect: ErrorResponse(400, "client_left", "The client left before it had sent the whole request."),
    DatabaseAway: ErrorResponse(503, "database_away", "The database cannot be used now. Try again in a moment.", 2),
}
_DETAILS = {
    404: "There is nothing at this path.",
    405: "This path does not support the method: see the header 'Allow'.",
}

_log = structlog.get_logger(__name__)


class Refused(Exception):
    """A request that is refused; `code` is stable, the message is for people."""

    code: ClassVar[str]
    status: ClassVar[int] = 422
    retry_after_seconds: float | None = None
    headers: Mapping[str, str] | None = None

    @property
    def retryable(self) -> bool:
        """Whether a retry can help."""
        return self.status == HTTPStatus.SERVICE_UNAVAILABLE

    @property
    def answer(self) -> ErrorResponse:
        """The response."""
        return ErrorResponse(self.status, self.code, str(self), self.retry_after_seconds)


class OwnerOnly(Refused):
    """The request is reserved for the owner of the instance."""

    code: ClassVar[str] = "owner_only"
    status: ClassVar[int] = 403


class UnknownGenerator(Refused):
    """No generator has this name."""

    code: ClassVar[str] = "unknown_generator"


class GeneratorUnavailable(Refused):
    """The generator exists, but cannot be used here."""

    code: ClassVar[str] = "generator_unavailable"


@dataclass(frozen=True)
class ErrorTable:
    """The expected errors of a service: those that are `Refused`, and those of `table`; any other error is a bug."""

    table: Mapping[type[Exception], ErrorResponse]

    @property
    def expected(self) -> tuple[type[Exception], ...]:
        """The types of the expected errors."""
        return (Refused, *_SHARED, *self.table)

    def answer(self, error: Exception) -> ErrorResponse:
        """The response to an expected error; without a detail in the table, the error's message is the detail."""
        if isinstance(error, Refused):
            return error.answer
        table = {**_SHARED, **self.table}
        answer = next(table[kind] for kind in type(error).__mro__ if kind in table)
        return replace(answer, detail=answer.detail or str(error))

    def response(self, error: Exception) -> Response:
        """The HTTP response to an expected error."""
        answer = self.answer(error)
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
            _log.warning("a part is unavailable", code=answer.code, reason=str(error))
        return problem(answer, headers=error.headers if isinstance(error, Refused) else None)


def register(app: FastAPI, answers: ErrorTable) -> None:
    """Answer every error of `app` in one shape."""

    async def expected(_request: Request, error: Exception) -> Response:
        return answers.response(error)

    for kind in answers.expected:
        app.add_exception_handler(kind, expected)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _invalid(_request: Request, error: Exception) -> Response:
    errors = field_errors(cast("RequestValidationError", error).errors())
    return problem(ErrorResponse(422, "invalid_request", error_summary(errors)), errors=errors)


async def _http(request: Request, error: Exception) -> Response:
    raised = cast("HTTPException", error)
    phrase = HTTPStatus(raised.status_code).phrase
    detail = _DETAILS.get(raised.status_code, phrase) if raised.detail == phrase else raised.detail
    headers = dict(raised.headers or {})
    if raised.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request)) or headers.get("Allow", "")
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    return problem(ErrorResponse(raised.status_code, code, detail), headers=headers)


async def _unexpected(_request: Request, _error: Exception) -> Response:
    # The server logs the error with its stack trace: Starlette raises it again after this answer.
    detail = "An internal error occurred. The service's log has the details; please report it."
    return problem(ErrorResponse(500, "internal_error", detail))


def _methods(request: Request) -> list[str]:
    """The methods of the path: the router only reports those of the first matching route."""
    routes = request.app.routes
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
