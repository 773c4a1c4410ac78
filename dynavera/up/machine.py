"""The parts of one machine, in the order in which they need each other."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from dynavera.addresses import host_and_port
from dynavera.contracts.system import Health
from dynavera.first_run import is_filled
from dynavera.log_files import LogFiles
from dynavera.settings import Settings
from dynavera.startup import CannotStart
from dynavera.up.part import Part, accepts_connections, answers_ok, python_part, until
from dynavera.up.pid_files import PidFiles
from dynavera.up.supervisor import Say, Supervisor
from dynavera.up.temporal_server import ADDRESS, temporal_part

PARTS_END_SECONDS = 6.5
"""How long the API, the worker and the MCP service have to end before they are killed."""

SERVER_ENDS_SECONDS = 2.5
"""How long the Temporal server has; it is told last, because the others have something left to tell it."""

OTHERS_SECONDS = 30
"""How long a part that somebody else runs may stay silent."""

LOG_CHECK_SECONDS = 60


def machine_parts(settings: Settings, environment: Mapping[str, str], client: httpx.AsyncClient) -> dict[str, Part]:
    """The parts that are started here, by name.

    Raises:
        CannotStart: there is no `temporal` command.
    """
    ours = {**environment, "DYNAVERA_DATA_DIR": str(settings.data_dir.absolute())}
    parts: list[Part] = []
    if settings.temporal_address is None:
        parts.append(temporal_part(settings, environment))
        ours = _for_the_embedded_server(ours, settings)

    async def mcp_is_ready() -> bool:
        return await answers_ok(client, f"{settings.mcp_base_url}/health")

    async def worker_is_ready() -> bool:
        health = await _health(client, settings)
        return health is not None and health.checks.worker.status != "away"

    async def api_is_ready() -> bool:
        health = await _health(client, settings)
        return health is not None and health.status == "ok"

    if settings.mcp_url is None:
        parts.append(python_part("mcp", "the MCP service", "mcp_service", ours, mcp_is_ready))
    parts.append(python_part("worker", "the worker", "workflows", ours, worker_is_ready))
    parts.append(python_part("api", "the API", "api", ours, api_is_ready))
    return {part.name: part for part in parts}


def _for_the_embedded_server(environment: Mapping[str, str], settings: Settings) -> dict[str, str]:
    # Keys and certificates for another server would keep our own clients out.
    kept = {name: value for name, value in environment.items() if not name.startswith("TEMPORAL_")}
    kept["TEMPORAL_ADDRESS"] = f"{ADDRESS}:{settings.temporal_port}"
    kept["TEMPORAL_CONFIG_FILE"] = os.devnull
    # An address of Temporal's alone would leave open whose Temporal Web it is.
    kept["DYNAVERA_TEMPORAL_UI_URL"] = settings.temporal_web_url
    kept["TEMPORAL_NAMESPACE"] = environment.get("TEMPORAL_NAMESPACE") or "default"
    return kept


async def _health(client: httpx.AsyncClient, settings: Settings) -> Health | None:
    try:
        response = await client.get(f"{settings.api_base_url}/api/health", timeout=5)
    except httpx.TransportError:
        return None
    if response.status_code not in (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE):
        return None
    return Health.model_validate_json(response.content)


@dataclass(frozen=True)
class Machine:
    """One instance: its parts, what they need first, and their end."""

    settings: Settings
    parts: Mapping[str, Part]
    supervisor: Supervisor
    client: httpx.AsyncClient
    say: Say

    @classmethod
    def of(cls, settings: Settings, parts: Mapping[str, Part], client: httpx.AsyncClient, say: Say) -> "Machine":
        """The machine with its files in the data directory."""
        folder = settings.data_dir.absolute()
        supervisor = Supervisor(PidFiles(folder / "run"), LogFiles(folder / "logs"), say)
        return cls(settings, parts, supervisor, client, say)

    async def bring_up(self) -> None:
        """Start everything; come back when an execution can be started.

        Raises:
            CannotStart: a part does not come up.
        """
        try:
            if self.settings.database_url is not None:
                await self._prepare_records()
            async with asyncio.TaskGroup() as group:
                # Side by side, for each spends seconds on its imports: the worker and the API wait for Temporal
                # themselves, and whoever comes first brings the database to its newest schema.
                group.create_task(self._start("temporal"))
                mcp = group.create_task(self._start("mcp"))
                group.create_task(self._start("worker"))
                if not is_filled(self.settings.data_dir):
                    await self._fill(mcp)
                group.create_task(self._start("api"))
        except* CannotStart as failures:
            raise _first(failures) from None

    async def _prepare_records(self) -> None:
        # A database elsewhere may be away: that is one sentence here, and a puzzle in the logs of three parts.
        from dynavera.up.first_start import prepare_records

        await prepare_records(self.settings, self.say)

    async def _fill(self, mcp: asyncio.Task[None]) -> None:
        # Nobody can ask an empty instance: there is no API before the first documents are in.
        from dynavera.up.first_start import fill

        await mcp
        await self._prepare_records()
        self.say("First start: reading the articles in knowledge/ …")
        await fill(self.settings)

    async def _start(self, name: str) -> None:
        if name in self.parts:
            await self.supervisor.start(self.parts[name])
        elif name == "mcp":
            url = self.settings.mcp_base_url
            await _answers(
                lambda: answers_ok(self.client, f"{url}/health"), f"The MCP service at {url}", "DYNAVERA_MCP_URL"
            )
        elif name == "temporal" and self.settings.temporal_address is not None:
            address = self.settings.temporal_address
            host, port = host_and_port(address)
            await _answers(lambda: accepts_connections(host, port), f"Temporal at {address}", "TEMPORAL_ADDRESS")

    async def keep_up(self) -> None:
        """Keep everything running, and the logs small.

        Raises:
            CannotStart: a part cannot be kept running any more.
        """
        watching = asyncio.create_task(self.supervisor.watch())
        logs = LogFiles(self.settings.data_dir.absolute() / "logs")
        try:
            while not watching.done():
                await asyncio.wait({watching}, timeout=LOG_CHECK_SECONDS)
                for name in self.parts:
                    logs.rotate_if_large(name)
            watching.result()
        finally:
            watching.cancel()

    async def take_down(self) -> None:
        """End everything within ten seconds."""
        others = [name for name in self.parts if name != "temporal"]
        await self.supervisor.stop(*others, patience=PARTS_END_SECONDS)
        await self.supervisor.stop("temporal", patience=SERVER_ENDS_SECONDS)


async def _answers(is_there: Callable[[], Awaitable[bool]], title: str, setting: str) -> None:
    """Wait for a part that somebody else runs."""
    try:
        async with asyncio.timeout(OTHERS_SECONDS):
            await until(is_there)
    except TimeoutError as error:
        raise CannotStart(f"{title} does not answer: see {setting}.") from error


def _first(failures: BaseExceptionGroup[Exception]) -> BaseException:
    first: BaseException = failures
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
