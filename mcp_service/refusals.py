"""Expected errors: a stable code and a sentence each, translated alike for MCP and for plain HTTP."""

from typing import ClassVar

from starlette import status

from dynavera.contracts.mcp import ServiceRefusal
from dynavera.records.agents import AgentNotFound
from dynavera.records.cursors import BadCursor
from dynavera.records.database import DatabaseAway
from dynavera.records.documents import DocumentNotFound
from dynavera.records.users import UserNotFound
from dynavera.web.problems import BadBody

DATABASE_RETRY_SECONDS = 2


class Refused(Exception):
    """A request that is refused; `code` is stable, the message is for people."""

    code: ClassVar[str]
    status: ClassVar[int] = status.HTTP_422_UNPROCESSABLE_CONTENT
    retryable: ClassVar[bool] = False
    retry_after_seconds: float | None = None


ExpectedError = Refused | BadBody | DatabaseAway | DocumentNotFound | AgentNotFound | BadCursor | UserNotFound
EXPECTED_ERRORS = (Refused, BadBody, DatabaseAway, DocumentNotFound, AgentNotFound, BadCursor, UserNotFound)
"""The expected errors; any other is a bug."""


def refusal_of(error: ExpectedError) -> ServiceRefusal:
    """What a client is told about `error`."""
    match error:
        case Refused():
            return ServiceRefusal(
                code=error.code,
                detail=str(error),
                retryable=error.retryable,
                retry_after_seconds=error.retry_after_seconds,
            )
        case BadBody():
            return ServiceRefusal(code=error.code, detail=error.detail, retryable=False)
        case DatabaseAway():
            return ServiceRefusal(
                code="database_away",
                detail="The database cannot be used now. Try again in a moment.",
                retryable=True,
                retry_after_seconds=DATABASE_RETRY_SECONDS,
            )
        case DocumentNotFound():
            return ServiceRefusal(code="document_not_found", detail=str(error), retryable=False)
        case AgentNotFound():
            return ServiceRefusal(code="agent_not_found", detail=str(error), retryable=False)
        case BadCursor():
            return ServiceRefusal(code="bad_cursor", detail=str(error), retryable=False)
        case UserNotFound():
            return ServiceRefusal(code="user_not_found", detail=str(error), retryable=False)


def status_of(error: ExpectedError) -> int:
    """The HTTP status of `error`."""
    match error:
        case Refused():
            return error.status
        case BadBody():
            return error.status_code
        case DatabaseAway():
            return status.HTTP_503_SERVICE_UNAVAILABLE
        case BadCursor():
            return status.HTTP_422_UNPROCESSABLE_CONTENT
        case DocumentNotFound() | AgentNotFound() | UserNotFound():
            return status.HTTP_404_NOT_FOUND
