"""The product under test: `dynavera up` of this environment, with proxies between its parts."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import httpx
import psutil

from benchmarks.chaos.proxy import Link, Links
from dynavera.contracts.system import Health
from dynavera.log_files import LogFiles
from dynavera.settings import Settings
from dynavera.up.child_processes import bound_to_this_process
from dynavera.up.pid_files import PidFiles, kill_group
from dynavera.up.process_spec import python_process
from dynavera.up.stack import process_specs
from dynavera.up.supervisor import Supervisor

PartName: TypeAlias = Literal["temporal", "mcp", "worker", "api"]
PARTS: tuple[PartName, ...] = ("temporal", "mcp", "worker", "api")
Layout: TypeAlias = Literal["together", "apart", "cluster"]
"""`together`: `up` runs all four parts. `apart`: it runs the worker and the API, which use proxies to reach the others.
`cluster`: as `apart`, with the records in PostgreSQL and two more workers."""

EXTRA_WORKERS = ("worker-2", "worker-3")

READY_TIMEOUT = 90
STOP_TIMEOUT = 12
POLL_SECONDS = 0.1
SETTING_PREFIXES = ("DYNAVERA_", "TEMPORAL_", "OPENAI_", "MCP_AGENT_")
"""The prefixes of settings, which are not inherited from the bench's environment."""


class NotReady(Exception):
    """The product did not become healthy in time."""


@dataclass(frozen=True)
class Ports:
    """Free ports: of the parts, and of the links to them."""

    api: int
    mcp: int
    temporal: int
    temporal_ui: int
    link_to_api: int
    link_to_mcp: int
    link_to_temporal: int
    link_to_model: int

    @classmethod
    def free(cls) -> "Ports":
        """Ports that are free now."""
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(8)]
            for each in sockets:
                each.bind(("127.0.0.1", 0))
            return cls(*(each.getsockname()[1] for each in sockets))


@dataclass
class Product:
    """A complete instance in its own data directory."""

    data: Path
    layout: Layout
    ports: Ports
    model_port: int
    links: Links
    client: httpx.AsyncClient
    database_url: str | None = None
    _supervisor: Supervisor | None = None
    _up: asyncio.subprocess.Process | None = None
    _notices: list[str] = field(default_factory=list[str])

    @property
    def url(self) -> str:
        """The URL of the API for clients, through the link."""
        return f"http://127.0.0.1:{self.ports.link_to_api}"

    @property
    def token(self) -> str:
        """The owner's API key."""
        return (self.data / "token").read_text().strip()

    @property
    def temporal_address(self) -> str:
        """The address of Temporal, bypassing the link."""
        return f"127.0.0.1:{self.ports.temporal}"

    async def start(self) -> float:
        """Start everything; the seconds until it was healthy.

        Raises:
            NotReady: it does not become healthy.
        """
        started = time.monotonic()
        if self.layout != "together" and self._supervisor is None:
            await self._start_others()
        await self.start_up()
        await self.wait_until_healthy(READY_TIMEOUT)
        return time.monotonic() - started

    async def start_up(self) -> None:
        """Start `dynavera up`, which must not be running."""
        self.data.mkdir(parents=True, exist_ok=True)
        dynavera = str(Path(sys.executable).with_name("dynavera"))
        with (self.data.parent / f"{self.data.name}.up.log").open("ab") as log:
            self._up = await asyncio.create_subprocess_exec(
                # `up` must not outlive the bench.
                *bound_to_this_process((dynavera, "up")),
                env=self._environment(),
                cwd=self.data.parent,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def kill_up(self) -> None:
        """Kill `dynavera up` itself; the kernel kills its processes."""
        if self._up is not None:
            with suppress(ProcessLookupError):
                self._up.kill()
            await self._up.wait()

    async def stop(self) -> None:
        """Stop everything by SIGTERM."""
        if self._up is not None:
            with suppress(ProcessLookupError):
                self._up.terminate()
            try:
                async with asyncio.timeout(STOP_TIMEOUT):
                    await self._up.wait()
            except TimeoutError:
                kill_group(self._up.pid)
                await self._up.wait()
        if self._supervisor is not None:
            workers = EXTRA_WORKERS if self.layout == "cluster" else ()
            await self._supervisor.stop(*workers, "mcp", "temporal", timeout=STOP_TIMEOUT)

    @property
    def workers(self) -> tuple[str, ...]:
        """The names of all workers."""
        return ("worker", *EXTRA_WORKERS) if self.layout == "cluster" else ("worker",)

    def pid(self, part: str) -> int | None:
        """The process id of a part; None if it is not running."""
        try:
            return int((self.data / "run" / f"{part}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def signal(self, part: str, number: signal.Signals, pid: int | None = None) -> int | None:
        """Send a signal to a part, or to an earlier process of it; the id of the process that got it."""
        pid = pid or self.pid(part)
        if pid is None:
            return None
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return None
        return pid

    async def health(self) -> Health | None:
        """The health that the API reports, bypassing the link; None if it does not answer."""
        try:
            response = await self.client.get(f"http://127.0.0.1:{self.ports.api}/api/health", timeout=5)
            return Health.model_validate_json(response.content)
        except (httpx.TransportError, ValueError):
            return None

    async def wait_until_healthy(self, timeout: float) -> None:
        """Wait until every part is healthy.

        Raises:
            NotReady: one is not, within `timeout` seconds.
        """
        health: Health | None = None
        try:
            async with asyncio.timeout(timeout):
                while not self._all_running() or (health := await self.health()) is None or health.status != "ok":
                    if self._up is not None and self._up.returncode is not None:
                        raise NotReady(f"`dynavera up` ended with {self._up.returncode}: {self.last_lines()}")
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise NotReady(f"Not healthy after {timeout:g} s: {health}. {self.last_lines()}") from error

    def _all_running(self) -> bool:
        # A worker that was killed a moment ago still counts as healthy.
        return all(_is_running(self.pid(part)) for part in PARTS)

    def last_lines(self) -> str:
        """The last lines that `dynavera up` printed."""
        log = self.data.parent / f"{self.data.name}.up.log"
        return " / ".join(log.read_text(errors="replace").strip().splitlines()[-3:]) if log.exists() else ""

    async def _start_others(self) -> None:
        settings = Settings(
            data_dir=self.data, mcp_port=self.ports.mcp, temporal_port=self.ports.temporal,
            temporal_ui_port=self.ports.temporal_ui,
        )  # fmt: skip
        (self.data / "run").mkdir(parents=True, exist_ok=True)
        specs = process_specs(settings, self._base_environment(), self.client)
        self._supervisor = Supervisor(PidFiles(self.data / "run"), LogFiles(self.data / "logs"), self._notices.append)
        async with asyncio.TaskGroup() as group:
            for spec in (specs["temporal"], specs["mcp"]):
                group.create_task(self._supervisor.start(spec))
        if self.layout == "cluster":
            for name in EXTRA_WORKERS:
                await self._supervisor.start(
                    python_process(name, "a worker", "workflows", self._environment(), _always_ready)
                )

    def _base_environment(self) -> dict[str, str]:
        ports = self.ports
        kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTING_PREFIXES)}
        return kept | {
            "DYNAVERA_DATA_DIR": str(self.data),
            "DYNAVERA_PORT": str(ports.api),
            "DYNAVERA_MCP_PORT": str(ports.mcp),
            "DYNAVERA_TEMPORAL_PORT": str(ports.temporal),
            "DYNAVERA_TEMPORAL_UI_PORT": str(ports.temporal_ui),
            # Indexing in the background would compete with the services for the machine.
            "DYNAVERA_EMBEDDER": "wordllama",
            "DYNAVERA_GENERATOR": "openai:chaos",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{ports.link_to_model}/v1",
            "DYNAVERA_OPENAI_CONTINUES": "yes",
            **({"DYNAVERA_DATABASE_URL": self.database_url} if self.database_url is not None else {}),
        }

    def _environment(self) -> dict[str, str]:
        environment = self._base_environment()
        if self.layout == "together":
            return environment
        return environment | {
            "DYNAVERA_MCP_URL": f"http://127.0.0.1:{self.ports.link_to_mcp}",
            "TEMPORAL_ADDRESS": f"127.0.0.1:{self.ports.link_to_temporal}",
        }


@asynccontextmanager
async def product(
    data: Path, layout: Layout, model_port: int, database_url: str | None = None
) -> AsyncGenerator[Product]:
    """An instance that can be started, and is stopped at the end."""
    async with links_open(Ports.free(), model_port) as (ports, links), httpx.AsyncClient(trust_env=False) as client:
        instance = Product(data, layout, ports, model_port, links, client, database_url)
        try:
            yield instance
        finally:
            await instance.stop()


@asynccontextmanager
async def links_open(ports: Ports, model_port: int) -> AsyncGenerator[tuple[Ports, Links]]:
    """The four links, listening."""
    links = {
        "client": Link("client", ports.link_to_api, ports.api),
        "mcp": Link("mcp", ports.link_to_mcp, ports.mcp),
        "temporal": Link("temporal", ports.link_to_temporal, ports.temporal),
        "model": Link("model", ports.link_to_model, model_port),
    }
    async with contextlib.AsyncExitStack() as stack:
        for link in links.values():
            await stack.enter_async_context(link.listening())
        yield ports, links


async def _always_ready() -> bool:
    return True


def _is_running(pid: int | None) -> bool:
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
