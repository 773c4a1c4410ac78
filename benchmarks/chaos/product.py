"""The product under test: `dynavera up` from this environment, with the bench's links between its parts."""

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
"""`together`: `up` runs all four parts. `apart`: it runs the worker and the API; the links to the others are ours.
`cluster`: as `apart`, with the records in PostgreSQL and two more workers."""

MORE_WORKERS = ("worker-2", "worker-3")

READY_SECONDS = 90
END_SECONDS = 12
POLL_SECONDS = 0.1
OURS = ("DYNAVERA_", "TEMPORAL_", "OPENAI_", "MCP_AGENT_")
"""How the names of settings begin: what the bench's own environment says of them does not count."""


class NotReady(Exception):
    """The product did not come up, or did not come back, in time."""


@dataclass(frozen=True)
class Ports:
    """Free ports: of the parts themselves, and of the links that lead to them."""

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
        """Ports that nobody uses now."""
        with contextlib.ExitStack() as stack:
            listening = [stack.enter_context(socket.socket()) for _ in range(8)]
            for one in listening:
                one.bind(("127.0.0.1", 0))
            return cls(*(one.getsockname()[1] for one in listening))


@dataclass
class Product:
    """A whole instance in a data directory of its own."""

    data: Path
    layout: Layout
    ports: Ports
    model_port: int
    links: Links
    client: httpx.AsyncClient
    database_url: str | None = None
    _supervisor: Supervisor | None = None
    _up: asyncio.subprocess.Process | None = None
    _says: list[str] = field(default_factory=list[str])

    @property
    def url(self) -> str:
        """Where clients reach the API: through the link."""
        return f"http://127.0.0.1:{self.ports.link_to_api}"

    @property
    def token(self) -> str:
        """The first user's API key."""
        return (self.data / "token").read_text().strip()

    @property
    def temporal_address(self) -> str:
        """Temporal itself, past the link."""
        return f"127.0.0.1:{self.ports.temporal}"

    async def start(self) -> float:
        """Start it all; how many seconds it took until it was healthy.

        Raises:
            NotReady: it does not come up.
        """
        began = time.monotonic()
        if self.layout != "together" and self._supervisor is None:
            await self._start_others()
        await self.start_up()
        await self.healthy(READY_SECONDS)
        return time.monotonic() - began

    async def start_up(self) -> None:
        """Start `dynavera up`, which must not run."""
        self.data.mkdir(parents=True, exist_ok=True)
        dynavera = str(Path(sys.executable).with_name("dynavera"))
        with (self.data.parent / f"{self.data.name}.up.log").open("ab") as log:
            self._up = await asyncio.create_subprocess_exec(
                # `up` must not outlive the bench, however that ends.
                *bound_to_this_process((dynavera, "up")),
                env=self._environment(),
                cwd=self.data.parent,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def kill_up(self) -> None:
        """Kill `dynavera up` itself; the kernel ends what it runs."""
        if self._up is not None:
            with suppress(ProcessLookupError):
                self._up.kill()
            await self._up.wait()

    async def stop(self) -> float:
        """Stop it as SIGTERM does; how many seconds that took."""
        began = time.monotonic()
        if self._up is not None:
            with suppress(ProcessLookupError):
                self._up.terminate()
            try:
                async with asyncio.timeout(END_SECONDS):
                    await self._up.wait()
            except TimeoutError:
                kill_group(self._up.pid)
                await self._up.wait()
        took = time.monotonic() - began
        if self._supervisor is not None:
            more = MORE_WORKERS if self.layout == "cluster" else ()
            await self._supervisor.stop(*more, "mcp", "temporal", timeout=END_SECONDS)
        return took

    @property
    def workers(self) -> tuple[str, ...]:
        """The names of all workers."""
        return ("worker", *MORE_WORKERS) if self.layout == "cluster" else ("worker",)

    def pid(self, part: str) -> int | None:
        """The process that a part is now; None while it is not there."""
        try:
            return int((self.data / "run" / f"{part}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def signal(self, part: str, number: signal.Signals, pid: int | None = None) -> int | None:
        """Send a signal to a part, or to the process that it was; the process that got it."""
        pid = pid or self.pid(part)
        if pid is None:
            return None
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return None
        return pid

    async def health(self) -> Health | None:
        """What the API says of itself, asked past the link; None when it says nothing."""
        try:
            response = await self.client.get(f"http://127.0.0.1:{self.ports.api}/api/health", timeout=5)
            return Health.model_validate_json(response.content)
        except (httpx.TransportError, ValueError):
            return None

    async def healthy(self, patience: float) -> None:
        """Wait until every part is there.

        Raises:
            NotReady: one is not, for so long.
        """
        health: Health | None = None
        try:
            async with asyncio.timeout(patience):
                while not self._all_run() or (health := await self.health()) is None or health.status != "ok":
                    if self._up is not None and self._up.returncode is not None:
                        raise NotReady(f"`dynavera up` ended with {self._up.returncode}: {self.last_words()}")
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise NotReady(f"Not healthy after {patience:g} s: {health}. {self.last_words()}") from error

    def _all_run(self) -> bool:
        # A worker that was killed a moment ago still counts as healthy.
        return all(_runs(self.pid(part)) for part in PARTS)

    def last_words(self) -> str:
        """The last lines that `dynavera up` printed."""
        log = self.data.parent / f"{self.data.name}.up.log"
        return " / ".join(log.read_text(errors="replace").strip().splitlines()[-3:]) if log.exists() else ""

    async def _start_others(self) -> None:
        settings = Settings(
            data_dir=self.data, mcp_port=self.ports.mcp, temporal_port=self.ports.temporal,
            temporal_ui_port=self.ports.temporal_ui,
        )  # fmt: skip
        (self.data / "run").mkdir(parents=True, exist_ok=True)
        specs = process_specs(settings, self._own_environment(), self.client)
        self._supervisor = Supervisor(PidFiles(self.data / "run"), LogFiles(self.data / "logs"), self._says.append)
        async with asyncio.TaskGroup() as group:
            for spec in (specs["temporal"], specs["mcp"]):
                group.create_task(self._supervisor.start(spec))
        if self.layout == "cluster":
            for name in MORE_WORKERS:
                await self._supervisor.start(
                    python_process(name, "a worker", "workflows", self._environment(), _at_once)
                )

    def _own_environment(self) -> dict[str, str]:
        ports = self.ports
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return kept | {
            "DYNAVERA_DATA_DIR": str(self.data),
            "DYNAVERA_PORT": str(ports.api),
            "DYNAVERA_MCP_PORT": str(ports.mcp),
            "DYNAVERA_TEMPORAL_PORT": str(ports.temporal),
            "DYNAVERA_TEMPORAL_UI_PORT": str(ports.temporal_ui),
            "DYNAVERA_GENERATOR": "openai:chaos",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{ports.link_to_model}/v1",
            "DYNAVERA_OPENAI_CONTINUES": "yes",
            **({"DYNAVERA_DATABASE_URL": self.database_url} if self.database_url is not None else {}),
        }

    def _environment(self) -> dict[str, str]:
        ours = self._own_environment()
        if self.layout == "together":
            return ours
        return ours | {
            "DYNAVERA_MCP_URL": f"http://127.0.0.1:{self.ports.link_to_mcp}",
            "TEMPORAL_ADDRESS": f"127.0.0.1:{self.ports.link_to_temporal}",
        }


@asynccontextmanager
async def product(
    data: Path, layout: Layout, model_port: int, database_url: str | None = None
) -> AsyncGenerator[Product]:
    """An instance that can be started, and is gone at the end."""
    async with links_open(Ports.free(), model_port) as (ports, links), httpx.AsyncClient(trust_env=False) as client:
        one = Product(data, layout, ports, model_port, links, client, database_url)
        try:
            yield one
        finally:
            await one.stop()


@asynccontextmanager
async def links_open(ports: Ports, model_port: int) -> AsyncGenerator[tuple[Ports, Links]]:
    """The four links, open."""
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


async def _at_once() -> bool:
    return True


def _runs(pid: int | None) -> bool:
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
