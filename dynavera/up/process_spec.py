"""The specification of a supervised process: its command, how to recognize it, and when it is ready."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx

POLL_SECONDS = 0.05


def no_preparation() -> None:
    """Most processes need nothing before they start."""


@dataclass(frozen=True)
class ProcessSpec:
    """One process. `name` is used for its pid file and its log, `title` in messages."""

    name: str
    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    marker_argument: str
    """The argument by which an orphan of an earlier run is recognized."""
    is_ready: Callable[[], Awaitable[bool]]
    before_start: Callable[[], None] = no_preparation
    """Called before each start of the process."""
    cwd: Path | None = None
    """The working directory, if it is not that of `up`."""


def python_process(
    name: str, title: str, module: str, environment: Mapping[str, str], is_ready: Callable[[], Awaitable[bool]]
) -> ProcessSpec:
    """The spec of one of our own services."""
    return ProcessSpec(
        name=name,
        title=title,
        # -P: do not import a folder `api/` of the working directory.
        command=(sys.executable, "-P", "-m", module),
        environment={**environment, "PYTHONUNBUFFERED": "1"},
        marker_argument=module,
        is_ready=is_ready,
    )


async def responds_ok(client: httpx.AsyncClient, url: str) -> bool:
    """Whether `url` answers 200 now."""
    try:
        response = await client.get(url, timeout=5)
    except httpx.TransportError:
        return False
    return response.status_code == HTTPStatus.OK


async def accepts_connections(host: str, port: int) -> bool:
    """Whether something listens there now."""
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def poll_until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Poll `condition` until it is true."""
    while not await condition():  # noqa: ASYNC110 -- other processes set no event
        await asyncio.sleep(POLL_SECONDS)
