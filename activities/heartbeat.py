"""An activity that says it lives learns at once that it is cancelled."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from temporalio import activity

from dynavera.limits import HEARTBEAT_EVERY


@asynccontextmanager
async def heartbeating() -> AsyncGenerator[None]:
    """Send heartbeats for as long as the block runs."""
    beating = asyncio.create_task(_beat())
    try:
        yield
    finally:
        beating.cancel()


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(HEARTBEAT_EVERY.total_seconds())
