"""Expected errors, translated alike for MCP and for plain HTTP; any other error is a bug."""

from http import HTTPStatus

from dynavera.contracts.mcp import ServiceRefusal
from dynavera.records.agents import AgentNotFound
from dynavera.records.documents import DocumentNotFound
from dynavera.records.users import UserNotFound
from dynavera.web.errors import ErrorTable
from dynavera.web.problems import ErrorResponse

ERRORS = ErrorTable(
    {
        AgentNotFound: ErrorResponse(404, "agent_not_found"),
        DocumentNotFound: ErrorResponse(404, "document_not_found"),
        UserNotFound: ErrorResponse(404, "user_not_found"),
    }
)
EXPECTED_ERRORS = ERRORS.expected


def refusal_of(error: Exception) -> ServiceRefusal:
    """What a client is told about an expected error; a retry can help if something is unavailable."""
    answer = ERRORS.answer(error)
    return ServiceRefusal(
        code=answer.code,
        detail=answer.detail,
        retryable=answer.status == HTTPStatus.SERVICE_UNAVAILABLE,
        retry_after_seconds=answer.retry_after_seconds,
    )
