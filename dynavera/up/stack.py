"""The processes of an instance on one machine: started in the order of their dependencies, watched, and stopped."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from dynavera.addresses import host_and_port
from dynavera.contracts.system import Health
from dynavera.log_files import LogFiles
from dynavera.seed import is_seeded
from dynavera.settings import Settings
from dynavera.startup import CannotStart
from dynavera.up.pid_files import PidFiles
from dynavera.up.process_spec import ProcessSpec, accepts_connections, poll_until, python_process, responds_ok
from dynavera.up.supervisor import Notify, Supervisor
from dynavera.up.temporal_server import HOST, temporal_process

SERVICES_STOP_TIMEOUT = 6.5
"""Seconds that the API, the worker and the MCP service have to end before they are killed."""

TEMPORAL_STOP_TIMEOUT = 2.5
"""Seconds that the Temporal server has. It stops last, because the others still report to it."""

EXTERNAL_TIMEOUT = 30
"""Seconds to wait for a service that is not started here."""

LOG_CHECK_INTERVAL = 60

FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}
"""The MCP service embeds in many threads. Each of them would have its own pool of memory, which keeps what it frees."""


def process_specs(
    settings: Settings, environment: Mapping[str, str], client: httpx.AsyncClient
) -> dict[str, ProcessSpec]:
    """The processes that are started here, by name.

    Raises:
        CannotStart: there is no `temporal` command.
    """
    services_environment = {**environment, "DYNAVERA_DATA_DIR": str(settings.data_dir.absolute())}
    specs: list[ProcessSpec] = []
    if settings.temporal_address is None:
        specs.append(temporal_process(settings, environment))
        services_environment = _with_embedded_server(services_environment, settings)

    async def mcp_is_ready() -> bool:
        return await responds_ok(client, f"{settings.mcp_base_url}/health")

    async def worker_is_ready() -> bool:
        health = await _health(client, settings)
        return health is not None and health.checks.worker.status != "away"

    async def api_is_ready() -> bool:
        health = await _health(client, settings)
        return health is not None and health.status == "ok"

    if settings.mcp_url is None:
        specs.append(
            python_process(
                "mcp", "the MCP service", "mcp_service", {**FEW_ARENAS, **services_environment}, mcp_is_ready
            )
        )
    specs.append(python_process("worker", "the worker", "workflows", services_environment, worker_is_ready))
    specs.append(python_process("api", "the API", "api", services_environment, api_is_ready))
    return {spec.name: spec for spec in specs}


def _with_embedded_server(environment: Mapping[str, str], settings: Settings) -> dict[str, str]:
    # API keys and certificates for another Temporal would make our clients fail.
    adapted = {name: value for name, value in environment.items() if not name.startswith("TEMPORAL_")}
    adapted["TEMPORAL_ADDRESS"] = f"{HOST}:{settings.temporal_port}"
    adapted["TEMPORAL_CONFIG_FILE"] = os.devnull
    # With TEMPORAL_ADDRESS alone a service could not tell that Temporal Web is the embedded server's.
    adapted["DYNAVERA_TEMPORAL_UI_URL"] = settings.temporal_web_url
    adapted["TEMPORAL_NAMESPACE"] = environment.get("TEMPORAL_NAMESPACE") or "default"
    return adapted


async def _health(client: httpx.AsyncClient, settings: Settings) -> Health | None:
    try:
        response = await client.get(f"{settings.api_base_url}/api/health", timeout=5)
    except httpx.TransportError:
        return None
    if response.status_code not in (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE):
        return None
    return Health.model_validate_json(response.content)


@dataclass(frozen=True)
class Stack:
    """All processes of one instance."""

    settings: Settings
    specs: Mapping[str, ProcessSpec]
    supervisor: Supervisor
    client: httpx.AsyncClient
    notify: Notify

    @classmethod
    def create(
        cls, settings: Settings, specs: Mapping[str, ProcessSpec], client: httpx.AsyncClient, notify: Notify
    ) -> "Stack":
        """A stack with its pid files and logs in the data directory."""
        folder = settings.data_dir.absolute()
        supervisor = Supervisor(PidFiles(folder / "run"), LogFiles(folder / "logs"), notify)
        return cls(settings, specs, supervisor, client, notify)

    async def start(self) -> None:
        """Start everything; returns when an execution can be started.

        Raises:
            CannotStart: a process does not start.
        """
        try:
            if self.settings.database_url is not None:
                await self._prepare_records()
            async with asyncio.TaskGroup() as group:
                # In parallel, because each spends seconds on its imports: the worker and the API wait for Temporal
                # themselves, and the first process migrates the database.
                group.create_task(self._start("temporal"))
                mcp = group.create_task(self._start("mcp"))
                group.create_task(self._start("worker"))
                if not is_seeded(self.settings.data_dir):
                    await self._seed(mcp)
                group.create_task(self._start("api"))
        except* CannotStart as failures:
            raise _first(failures) from None

    async def _prepare_records(self) -> None:
        # If the database is unreachable, one message here is clearer than errors in the logs of three processes.
        from dynavera.up.bootstrap import prepare_records

        await prepare_records(self.settings, self.notify)

    async def _seed(self, mcp: asyncio.Task[None]) -> None:
        # The API starts only after the first documents are ingested, so that no one asks an empty instance.
        from dynavera.up.bootstrap import seed

        await mcp
        await self._prepare_records()
        self.notify("First start: reading the articles in knowledge/ …")
        await seed(self.settings)

    async def _start(self, name: str) -> None:
        if name in self.specs:
            await self.supervisor.start(self.specs[name])
        elif name == "mcp":
            url = self.settings.mcp_base_url
            await _wait_for_external(
                lambda: responds_ok(self.client, f"{url}/health"), f"The MCP service at {url}", "DYNAVERA_MCP_URL"
            )
        elif name == "temporal" and self.settings.temporal_address is not None:
            address = self.settings.temporal_address
            host, port = host_and_port(address)
            await _wait_for_external(
                lambda: accepts_connections(host, port), f"Temporal at {address}", "TEMPORAL_ADDRESS"
            )

    async def watch(self) -> None:
        """Keep everything running and rotate the logs.

        Raises:
            CannotStart: a process cannot be kept running any more.
        """
        watching = asyncio.create_task(self.supervisor.watch())
        logs = LogFiles(self.settings.data_dir.absolute() / "logs")
        try:
            while not watching.done():
                await asyncio.wait({watching}, timeout=LOG_CHECK_INTERVAL)
                for name in self.specs:
                    logs.rotate_if_large(name)
            watching.result()
        finally:
            watching.cancel()

    async def stop(self) -> None:
        """Stop everything within ten seconds."""
        services = [name for name in self.specs if name != "temporal"]
        await self.supervisor.stop(*services, timeout=SERVICES_STOP_TIMEOUT)
        await self.supervisor.stop("temporal", timeout=TEMPORAL_STOP_TIMEOUT)


async def _wait_for_external(is_up: Callable[[], Awaitable[bool]], title: str, setting: str) -> None:
    try:
        async with asyncio.timeout(EXTERNAL_TIMEOUT):
            await poll_until(is_up)
    except TimeoutError as error:
        raise CannotStart(f"{title} does not answer: see {setting}.") from error


def _first(failures: BaseExceptionGroup[Exception]) -> BaseException:
    first: BaseException = failures
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
