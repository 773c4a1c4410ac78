"""Short activities are tried as local activities first: these cost one event of history instead of six.

A local activity runs within the workflow task, so it is run again if that task fails or its worker dies: only
activities that may run twice are tried locally. One that fails, or takes longer than `LOCAL_TIMEOUT`, is run as a
regular activity, whose failures and retries are visible.
"""

from collections.abc import Awaitable
from datetime import timedelta
from typing import TypedDict, TypeVar

from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError, is_cancelled_exception

from dynavera.limits import LOCAL_TIMEOUT

T = TypeVar("T")

ONCE = RetryPolicy(maximum_attempts=1)


class LocalOptions(TypedDict):
    """The options of a local activity."""

    schedule_to_close_timeout: timedelta
    retry_policy: RetryPolicy


LOCALLY: LocalOptions = {"schedule_to_close_timeout": LOCAL_TIMEOUT, "retry_policy": ONCE}


async def result_or_none(local_activity: Awaitable[T]) -> T | None:
    """The result of a local activity, or None if it failed.

    Raises:
        FailureError: it was cancelled by a stop.
    """
    try:
        return await local_activity
    except FailureError as error:
        # In a replay, a local activity's failure comes without the ActivityError around it.
        if is_cancelled_exception(error):
            raise
        return None
