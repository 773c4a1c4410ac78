"""The codes of errors that only the API answers; see dynavera.web.errors for those of both services."""

from dynavera.records.agents import AgentBusy, AgentNotFound
from dynavera.records.executions import ExecutionStillRuns, IdempotencyConflict
from dynavera.records.logs import ExecutionNotFound
from dynavera.records.sessions import KeyRevoked, SessionNotFound
from dynavera.records.users import ApiKeyInUse, ApiKeyNotFound, OwnerCannotBeDeactivated, UserNameTaken, UserNotFound
from dynavera.web.errors import ErrorAnswers
from dynavera.web.problems import Answer

_NOT_FOUND = Answer(404, "not_found")

ANSWERS = ErrorAnswers(
    {
        KeyRevoked: Answer(401, "unauthenticated"),
        AgentNotFound: _NOT_FOUND,
        ExecutionNotFound: _NOT_FOUND,
        ApiKeyNotFound: _NOT_FOUND,
        UserNotFound: _NOT_FOUND,
        SessionNotFound: _NOT_FOUND,
        AgentBusy: Answer(409, "agent_busy"),
        ExecutionStillRuns: Answer(409, "execution_still_runs"),
        IdempotencyConflict: Answer(409, "idempotency_conflict"),
        UserNameTaken: Answer(409, "user_name_taken"),
        ApiKeyInUse: Answer(409, "key_stays"),
        OwnerCannotBeDeactivated: Answer(409, "owner_stays"),
    }
)
