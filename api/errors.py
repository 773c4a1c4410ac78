"""One translator: what each named error is to a client, as RFC 9457 `application/problem+json`."""

from http import HTTPStatus
from typing import cast

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from api.authentication import LoginRefused, OwnerOnly, Unauthenticated
from api.execution_log import CursorAhead, EventsAway
from api.executions import SourceNotFound
from api.knowledge import GeneratorUnavailable, McpAway, McpBusy, McpCannot, UnknownGenerator
from api.problems import Answer, problem
from dynavera.records.agents import AgentBusy, AgentNotFound
from dynavera.records.cursors import BadCursor
from dynavera.records.database import DatabaseAway
from dynavera.records.executions import ExecutionStillRuns, IdempotencyConflict
from dynavera.records.logs import ExecutionNotFound
from dynavera.records.sessions import KeyRevoked, SessionNotFound
from dynavera.records.users import ApiKeyInUse, ApiKeyNotFound, OwnerCannotBeDeactivated, UserNameTaken, UserNotFound
from dynavera.web.bodies import BodySilent, BodyTooLarge
from dynavera.web.problems import InvalidJson, NotForm, NotJson, error_summary, field_errors
from dynavera.web.quotas import TooManyRequests, TooManyStreams

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


ANSWERS: dict[type[Exception], Answer] = {
    Unauthenticated: Answer(401, "unauthenticated"),
    KeyRevoked: Answer(401, "unauthenticated"),
    LoginRefused: Answer(401, "login_refused"),
    OwnerOnly: Answer(403, "owner_only"),
    AgentNotFound: Answer(404, "not_found"),
    ExecutionNotFound: Answer(404, "not_found"),
    ApiKeyNotFound: Answer(404, "not_found"),
    UserNotFound: Answer(404, "not_found"),
    SessionNotFound: Answer(404, "not_found"),
    SourceNotFound: Answer(404, "not_found"),
    BodySilent: Answer(408, BodySilent.code),
    AgentBusy: Answer(409, "agent_busy"),
    ExecutionStillRuns: Answer(409, "execution_still_runs"),
    IdempotencyConflict: Answer(409, "idempotency_conflict"),
    UserNameTaken: Answer(409, "user_name_taken"),
    ApiKeyInUse: Answer(409, "key_stays"),
    OwnerCannotBeDeactivated: Answer(409, "owner_stays"),
    BodyTooLarge: Answer(413, BodyTooLarge.code),
    NotForm: Answer(415, NotForm.code),
    NotJson: Answer(415, NotJson.code),
    InvalidJson: Answer(422, InvalidJson.code),
    BadCursor: Answer(422, "bad_cursor"),
    UnknownGenerator: Answer(422, "unknown_generator"),
    GeneratorUnavailable: Answer(422, "generator_unavailable"),
    CursorAhead: Answer(422, "cursor_ahead"),
    TooManyRequests: Answer(429, TooManyRequests.code),
    TooManyStreams: Answer(429, TooManyStreams.code),
    ClientDisconnect: Answer(400, "client_left", "The client left before it had sent the whole request."),
    DatabaseAway: Answer(503, "database_away", "The database cannot be used now. Try again in a moment.", 2),
    EventsAway: Answer(503, "events_away", retry_after_seconds=2),
    McpBusy: Answer(503, "mcp_busy", retry_after_seconds=2),
    McpAway: Answer(503, "mcp_away", retry_after_seconds=2),
}

_HTTP_ANSWERS = {
    404: Answer(404, "not_found", "There is nothing at this path."),
    405: Answer(405, "method_not_allowed", "This path knows other methods only: see the header 'Allow'."),
}

_log = structlog.get_logger(__name__)


def register(app: FastAPI) -> None:
    """Answer every error in one shape."""
    for error in ANSWERS:
        app.add_exception_handler(error, _named)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def answer_to(error: Exception) -> tuple[Answer, str]:
    """How one of the errors in `ANSWERS` is answered, and in which words."""
    if isinstance(error, McpCannot):
        return error.answer, str(error)
    answer = next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
    sentence = error.detail if isinstance(error, HTTPException) else str(error)
    return answer, answer.detail or sentence


async def _named(_request: Request, error: Exception) -> Response:
    answer, detail = answer_to(error)
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        _log.warning("a part is away", code=answer.code, reason=str(error))
    return problem(answer, detail, headers=error.headers if isinstance(error, HTTPException) else None)


async def _invalid(_request: Request, error: Exception) -> Response:
    errors = field_errors(cast("RequestValidationError", error).errors())
    return problem(Answer(422, "invalid_request"), error_summary(errors), errors=errors)


async def _http(request: Request, error: Exception) -> Response:
    raised = cast("HTTPException", error)
    answer = _HTTP_ANSWERS.get(raised.status_code, Answer(raised.status_code, "refused"))
    headers = dict(raised.headers or {})
    if raised.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request)) or headers.get("Allow", "")
    in_its_own_words = raised.detail != HTTPStatus(raised.status_code).phrase
    return problem(answer, raised.detail if in_its_own_words else answer.detail or raised.detail, headers=headers)


async def _unexpected(_request: Request, _error: Exception) -> Response:
    # The server logs the error with its stack trace: Starlette raises it again after this answer.
    return problem(
        Answer(500, "internal_error"), "Something went wrong here. The service's log says what; please report it."
    )


def _methods(request: Request) -> list[str]:
    """What the path knows: the router itself names the methods of the first route only."""
    routes = request.app.routes
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
