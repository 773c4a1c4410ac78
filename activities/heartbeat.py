"""Heartbeats: an activity learns of its cancellation within one, and a timeout carries the time of the last one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from temporalio import activity

from activities.application_errors import execution_gone, worker_shut_down
from dynavera.contracts.contract import utc_now
from dynavera.limits import HEARTBEAT_INTERVAL


@asynccontextmanager
async def heartbeating() -> AsyncGenerator[None]:
    """Send heartbeats while the block runs, and raise the reason if it is ended early.

    Raises:
        ApplicationError: the worker shuts down, or the workflow does not wait for the activity any more.
        CancelledError: the workflow has cancelled the activity.
    """
    if activity.info().is_local:
        # A local activity has half a second and no heartbeats.
        yield
        return
    beating = asyncio.create_task(_beat())
    try:
        yield
    except asyncio.CancelledError:
        details = activity.cancellation_details()
        if details is not None and details.worker_shutdown:
            raise worker_shut_down() from None
        if details is not None and (details.not_found or details.timed_out):
            raise execution_gone() from None
        raise
    finally:
        beating.cancel()


async def _beat() -> None:
    while True:
        activity.heartbeat(utc_now())
        await asyncio.sleep(HEARTBEAT_INTERVAL.total_seconds())
