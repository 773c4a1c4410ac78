"""The command line as a user has it: a process of its own, against a Dynavera that is really served."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.fakes import KEY, FakeDynavera
from tests.serving import free_port, serving

COMMAND = (sys.executable, "-c", "from dynavera.cli import main; main()")
PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class CommandLine:
    """Runs commands in an empty folder."""

    folder: Path
    environment: dict[str, str]

    async def __call__(self, *arguments: str, **settings: str) -> Ended:
        process = await self.start(*arguments, **settings)
        return await self.end_of(process)

    async def start(self, *arguments: str, **settings: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            cwd=self.folder,
            env=self.environment | settings,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def end_of(self, process: asyncio.subprocess.Process) -> Ended:
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, err = await process.communicate()
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def interrupted(self, process: asyncio.subprocess.Process, when: Callable[[], Awaitable[object]]) -> Ended:
        """Ctrl-C at this moment."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await when()
        process.send_signal(signal.SIGINT)
        return await self.end_of(process)


@pytest.fixture
def dynavera() -> FakeDynavera:
    return FakeDynavera()


@pytest.fixture
async def served(dynavera: FakeDynavera) -> AsyncGenerator[str]:
    async with serving(dynavera.app()) as url:
        yield url


@pytest.fixture
def nobody_there(tmp_path: Path) -> CommandLine:
    """The command line where nothing runs."""
    return CommandLine(tmp_path, _environment(free_port(), tmp_path))


@pytest.fixture
def command(served: str, tmp_path: Path) -> CommandLine:
    """The command line of the first user."""
    return command_line(tmp_path, urlsplit(served).port, DYNAVERA_TOKEN=KEY)


def command_line(folder: Path, port: int | None, **settings: str) -> CommandLine:
    """The command line in `folder`, for the API at `port`."""
    assert port is not None
    return CommandLine(folder, _environment(port, folder) | settings)


def _environment(port: int, folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DYNAVERA_", "TEMPORAL_"))}
    return kept | {"DYNAVERA_PORT": str(port), "DYNAVERA_DATA_DIR": str(folder / "data"), "COLUMNS": "80"}
