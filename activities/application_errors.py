"""The expected failures of activities, as the workflow receives them.

Their category is benign, so Temporal's SDK does not log them as errors. Each has the time of the failure as its only
detail: a workflow has no clock that is the same in a replay (see docs/decisions/exact-replay.md).
"""

from datetime import timedelta

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.mcp_errors import McpAway, McpRefused
from dynavera.contracts.contract import utc_now


def refused(error: McpRefused) -> ApplicationError:
    """The MCP service refused: the type is its code, and its `Retry-After` is kept."""
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


def unavailable(error: McpAway) -> ApplicationError:
    """The MCP service did not answer; trying again can help."""
    return _benign(str(error), "mcp_away")


def interrupted() -> ApplicationError:
    """The generator stopped before the answer was complete, without a stop of the execution."""
    return _benign("The generator was stopped before the answer was complete.", "interrupted")


def worker_shut_down() -> ApplicationError:
    """The worker ended first; another one takes over."""
    return _benign("The worker was shut down.", "worker_shutdown")


def execution_gone() -> ApplicationError:
    """The workflow does not wait for the activity any more."""
    return ApplicationError(
        "The execution has ended.",
        utc_now(),
        type="execution_gone",
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,
    )


def _benign(message: str, code: str) -> ApplicationError:
    return ApplicationError(message, utc_now(), type=code, category=ApplicationErrorCategory.BENIGN)
