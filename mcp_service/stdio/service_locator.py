"""Finds the MCP service for a desktop client: the one that runs, or one that is started on demand."""

import asyncio
import sys
from contextlib import suppress
from http import HTTPStatus
from typing import ClassVar

import httpx2
from filelock import FileLock
from starlette import status

from dynavera.credentials import owner_token
from dynavera.log_files import LogFiles
from dynavera.settings import Settings
from dynavera.startup import CannotStart
from dynavera.web.errors import Refused
from mcp_service.knowledge_lock import is_handover_requested, is_locked, read_address, start_lock

START_SECONDS = 60
"""How long a service may take to answer: a first start creates the database and loads the embedder."""

SHUTDOWN_SECONDS = 1
"""Clients kill this process two seconds after they have closed standard input."""

POLL_SECONDS = 0.1
LOG = "mcp-on-demand"


class ServiceAway(Refused):
    """No MCP service answers."""

    code: ClassVar[str] = "service_away"
    status: ClassVar[int] = status.HTTP_503_SERVICE_UNAVAILABLE


class ServiceLocator:
    """Finds the service of the settings, or starts one when none has this data directory open.

    Only one process can have the knowledge open. So a service that is started on demand serves other clients too, and
    ends for a service that somebody starts; that one is found then.
    """

    def __init__(self, settings: Settings, http: httpx2.AsyncClient) -> None:
        self._settings = settings
        self._http = http
        self._folder = settings.data_dir.absolute() / "knowledge"
        self._logs = LogFiles(settings.data_dir.absolute() / "logs")
        self._url: str | None = None
        self._on_demand: asyncio.subprocess.Process | None = None
        self._log_start = 0
        self._lock = asyncio.Lock()

    async def url(self) -> str:
        """The address of a service that answers and accepts the API key.

        Raises:
            ServiceAway: there is none; the message says why.
        """
        async with self._lock:
            if self._url is None:
                self._url = await self._find()
            return self._url

    def forget(self, url: str) -> None:
        """Search again for the next request: the service at `url` no longer answers."""
        if self._url == url:
            self._url = None

    async def close(self) -> None:
        """Let the on-demand service end, by closing its standard input, and wait a moment for it."""
        process = self._on_demand
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), SHUTDOWN_SECONDS)

    async def _find(self) -> str:
        if self._settings.mcp_url is not None:
            return await self._find_configured(self._settings.mcp_base_url)
        try:
            async with asyncio.timeout(START_SECONDS):
                url = await self._find_local()
        except TimeoutError as error:
            raise ServiceAway(f"The MCP service on {self._folder.parent} does not answer.") from error
        return await self._authorize(url)

    async def _find_local(self) -> str:
        lock: FileLock | None = None
        try:
            while (url := read_address(self._folder)) is None or not await self._answers(url):
                lock = lock or start_lock(self._folder)
                if lock is not None:
                    await self._start()
                await asyncio.sleep(POLL_SECONDS)
        finally:
            if lock is not None:
                lock.release()
        return url

    async def _find_configured(self, url: str) -> str:
        self._key(url)
        if not await self._answers(url):
            raise ServiceAway(f"The MCP service at {url} does not answer: start it, or change DYNAVERA_MCP_URL.")
        return await self._authorize(url)

    async def _answers(self, url: str) -> bool:
        try:
            health = await self._http.get(f"{url}/health")
        except httpx2.TransportError:
            return False
        return health.status_code == HTTPStatus.OK

    async def _authorize(self, url: str) -> str:
        self._http.headers["Authorization"] = f"Bearer {self._key(url)}"
        try:
            answer = await self._http.get(f"{url}/documents", params={"limit": 1})
        except httpx2.TransportError as error:
            raise ServiceAway(f"The connection to the MCP service at {url} was lost. Try again.") from error
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise ServiceAway(f"The MCP service at {url} refuses the API key: set DYNAVERA_TOKEN to a valid one.")
        return url

    def _key(self, url: str) -> str:
        """The API key. It is never created here: a service only accepts keys from its database."""
        try:
            token = owner_token(self._settings)
        except CannotStart as error:
            raise ServiceAway(str(error)) from error
        if token is None:
            raise ServiceAway(f"There is no API key for the MCP service at {url}: set DYNAVERA_TOKEN.")
        return token.get_secret_value()

    async def _start(self) -> None:
        if self._on_demand is not None:
            if self._on_demand.returncode is None:
                return
            self._check_exit(self._on_demand.returncode)
        if is_locked(self._folder) or is_handover_requested(self._folder):
            # Somebody has started a service, which does not answer yet.
            return
        self._log_start = self._logs.size(LOG)
        with self._logs.open(LOG) as log:
            self._on_demand = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "mcp_service", "--on-demand"),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _check_exit(self, code: int) -> None:
        self._on_demand = None
        if code > 0 and not is_locked(self._folder):
            reason = self._logs.last_line(LOG, self._log_start)
            raise ServiceAway(f"The MCP service could not be started: {reason} (see {self._logs.path(LOG)})")
