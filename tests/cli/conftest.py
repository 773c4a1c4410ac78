"""The command line in a process of its own, against a served fake API."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.fakes import KEY, FakeApi
from tests.serving import free_port, serving

COMMAND = (sys.executable, "-c", "from dynavera.cli import main; main()")
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class CommandResult:
    """The exit code and output of a command."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Cli:
    """Runs commands in a folder."""

    folder: Path
    environment: dict[str, str]

    async def __call__(self, *arguments: str, **settings: str) -> CommandResult:
        process = await self.start(*arguments, **settings)
        return await self.wait(process)

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

    async def wait(self, process: asyncio.subprocess.Process) -> CommandResult:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            stdout, stderr = await process.communicate()
        assert process.returncode is not None
        return CommandResult(process.returncode, stdout.decode(), stderr.decode())

    async def interrupt(
        self, process: asyncio.subprocess.Process, after: Callable[[], Awaitable[object]]
    ) -> CommandResult:
        """Send Ctrl-C after waiting for something."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await after()
        process.send_signal(signal.SIGINT)
        return await self.wait(process)


@pytest.fixture
def fake_api() -> FakeApi:
    return FakeApi()


@pytest.fixture
async def api_url(fake_api: FakeApi) -> AsyncGenerator[str]:
    async with serving(fake_api.app()) as url:
        yield url


@pytest.fixture
def offline_cli(tmp_path: Path) -> Cli:
    """The command line without a running API."""
    return Cli(tmp_path, _environment(free_port(), tmp_path))


@pytest.fixture
def cli(api_url: str, tmp_path: Path) -> Cli:
    """The command line of the first user."""
    return cli_in(tmp_path, urlsplit(api_url).port, DYNAVERA_TOKEN=KEY)


def cli_in(folder: Path, port: int | None, **settings: str) -> Cli:
    """The command line in `folder`, for an API at `port`."""
    assert port is not None
    return Cli(folder, _environment(port, folder) | settings)


def _environment(port: int, folder: Path) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DYNAVERA_", "TEMPORAL_"))}
    return environment | {"DYNAVERA_PORT": str(port), "DYNAVERA_DATA_DIR": str(folder / "data"), "COLUMNS": "80"}
