"""A part of the machine: one process, how to know it again, and when it is ready."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx

POLL_SECONDS = 0.05


def nothing() -> None:
    """What most parts need before they start."""


@dataclass(frozen=True)
class Part:
    """One process. `name` names its pid file and its log, `title` is what a person reads."""

    name: str
    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    mark: str
    """The argument by which a left-over process is known again."""
    is_ready: Callable[[], Awaitable[bool]]
    prepare: Callable[[], None] = nothing
    """Called before each start of the process."""
    folder: Path | None = None
    """Where it runs, if not where `up` does."""


def python_part(
    name: str, title: str, module: str, environment: Mapping[str, str], is_ready: Callable[[], Awaitable[bool]]
) -> Part:
    """One of our own services."""
    # -P: a folder `api/` in the working directory is not ours.
    return Part(
        name=name,
        title=title,
        command=(sys.executable, "-P", "-m", module),
        environment={**environment, "PYTHONUNBUFFERED": "1"},
        mark=module,
        is_ready=is_ready,
    )


async def answers_ok(client: httpx.AsyncClient, url: str) -> bool:
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


async def until(it_is_so: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again, and come back when the answer is yes."""
    while True:
        if await it_is_so():
            return
        await asyncio.sleep(POLL_SECONDS)
