"""The foreseen failures of an activity, as the workflow learns of them.

They are benign, and each carries the time of the failure as its one detail: a workflow has no clock that is the same in
a replay (see docs/decisions/exact-replay.md).
"""

from datetime import timedelta

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.mcp_client import McpAway, McpRefused
from dynavera.contracts.contract import utc_now


def refused(error: McpRefused) -> ApplicationError:
    """The service said no: its code is the error's type, and its wish when to come back goes with it."""
    refusal = error.refusal
    after = refusal.retry_after_seconds
    return ApplicationError(
        refusal.detail,
        utc_now(),
        type=refusal.code,
        non_retryable=not refusal.retryable,
        next_retry_delay=None if after is None else timedelta(seconds=after),
        category=ApplicationErrorCategory.BENIGN,
    )


def away(error: McpAway) -> ApplicationError:
    """The service could not be asked; trying again can help."""
    return ApplicationError(str(error), utc_now(), type="mcp_away", category=ApplicationErrorCategory.BENIGN)


def interrupted() -> ApplicationError:
    """The generator stopped before the answer was whole, and the execution goes on."""
    return ApplicationError(
        "The generator was stopped before the answer was whole.",
        utc_now(),
        type="interrupted",
        category=ApplicationErrorCategory.BENIGN,
    )


def worker_shut_down() -> ApplicationError:
    """The worker ends before the activity does; another worker goes on."""
    return ApplicationError(
        "The worker was shut down.", utc_now(), type="worker_shutdown", category=ApplicationErrorCategory.BENIGN
    )


def execution_gone() -> ApplicationError:
    """Nobody waits for the activity any more."""
    return ApplicationError(
        "The execution has ended.",
        utc_now(),
        type="execution_gone",
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,
    )
