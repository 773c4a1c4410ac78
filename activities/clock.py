"""The time, for workflows that need one that nothing else has recorded."""

from datetime import datetime

from temporalio import activity

from dynavera.contracts.contract import utc_now


@activity.defn
async def current_time() -> datetime:
    """The time now, in UTC."""
    return utc_now()
