"""The responses to errors that only the API has; dynavera.web.errors has those of both services."""

from dynavera.records.agents import AgentBusy, AgentNotFound
from dynavera.records.executions import ExecutionStillRuns, IdempotencyConflict
from dynavera.records.logs import ExecutionNotFound
from dynavera.records.sessions import KeyRevoked, SessionNotFound
from dynavera.records.users import ApiKeyInUse, ApiKeyNotFound, OwnerCannotBeDeactivated, UserNameTaken, UserNotFound
from dynavera.web.errors import ErrorTable
from dynavera.web.problems import ErrorResponse

_NOT_FOUND = ErrorResponse(404, "not_found")

ERRORS = ErrorTable(
    {
        KeyRevoked: ErrorResponse(401, "unauthenticated"),
        AgentNotFound: _NOT_FOUND,
        ExecutionNotFound: _NOT_FOUND,
        ApiKeyNotFound: _NOT_FOUND,
        UserNotFound: _NOT_FOUND,
        SessionNotFound: _NOT_FOUND,
        AgentBusy: ErrorResponse(409, "agent_busy"),
        ExecutionStillRuns: ErrorResponse(409, "execution_still_runs"),
        IdempotencyConflict: ErrorResponse(409, "idempotency_conflict"),
        UserNameTaken: ErrorResponse(409, "user_name_taken"),
        ApiKeyInUse: ErrorResponse(409, "key_stays"),
        OwnerCannotBeDeactivated: ErrorResponse(409, "owner_stays"),
    }
)
