"""The foreseen failures of an activity, as the workflow learns of them; benign, for they are no surprise."""

from datetime import timedelta

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.mcp_client import McpAway, McpRefused


def refused(error: McpRefused) -> ApplicationError:
    """The service said no: its code is the error's type, and its wish when to come back goes with it."""
    refusal = error.refusal
    after = refusal.retry_after_seconds
    return ApplicationError(
        refusal.detail,
        type=refusal.code,
        non_retryable=not refusal.retryable,
        next_retry_delay=None if after is None else timedelta(seconds=after),
        category=ApplicationErrorCategory.BENIGN,
    )


def away(error: McpAway) -> ApplicationError:
    """The service could not be asked; trying again can help."""
    return ApplicationError(str(error), type="mcp_away", category=ApplicationErrorCategory.BENIGN)


def interrupted() -> ApplicationError:
    """The generator stopped before the answer was whole, and the execution goes on."""
    return ApplicationError(
        "The generator was stopped before the answer was whole.",
        type="interrupted",
        category=ApplicationErrorCategory.BENIGN,
    )


def worker_shut_down() -> ApplicationError:
    """The worker ends before the activity does; another worker goes on."""
    return ApplicationError(
        "The worker was shut down.", type="worker_shutdown", category=ApplicationErrorCategory.BENIGN
    )


def execution_gone() -> ApplicationError:
    """Nobody waits for the activity any more."""
    return ApplicationError(
        "The execution has ended.",
        type="execution_gone",
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,
    )
