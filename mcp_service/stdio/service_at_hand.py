"""The MCP service that a desktop client is served by: the one that runs, or one that is brought along."""

import asyncio
import sys
from contextlib import suppress
from http import HTTPStatus
from typing import IO, ClassVar

import httpx2
from starlette import status

from dynavera.credentials import owner_token
from dynavera.log_files import LogFiles
from dynavera.settings import Settings
from dynavera.startup import CannotStart
from mcp_service.refusals import Refused
from mcp_service.turns import address, is_open, is_wanted, turn_to_start

START_SECONDS = 60
"""How long a service may take until it answers: a first start brings the database up and loads the embedder."""

END_SECONDS = 1
"""Clients wait for two seconds before they kill."""

POLL_SECONDS = 0.1
LOG = "mcp-lent"


class ServiceAway(Refused):
    """There is no service that would answer."""

    code: ClassVar[str] = "service_away"
    status: ClassVar[int] = status.HTTP_503_SERVICE_UNAVAILABLE
    retryable: ClassVar[bool] = True


class ServiceAtHand:
    """Finds the service of the settings, and brings one along when there is none on this data directory.

    Only one process may have the knowledge open. So the one that is brought along serves other clients too, and gives
    way to a service that somebody starts; then that one is found.
    """

    def __init__(self, settings: Settings, http: httpx2.AsyncClient) -> None:
        self._settings = settings
        self._http = http
        self._folder = settings.data_dir.absolute() / "knowledge"
        self._logs = LogFiles(settings.data_dir.absolute() / "logs")
        self._found: str | None = None
        self._lent: asyncio.subprocess.Process | None = None
        self._said_before = 0
        self._turn = asyncio.Lock()

    async def url(self) -> str:
        """Where the service is; it answers, and takes our credential.

        Raises:
            ServiceAway: there is none, and why.
        """
        async with self._turn:
            if self._found is None:
                self._found = await self._find()
            return self._found

    def lost(self, url: str) -> None:
        """What was at `url` does not answer any more."""
        if self._found == url:
            self._found = None

    async def close(self) -> None:
        """Let go of the service that was brought along: it ends by itself, and is waited for a moment only."""
        lent = self._lent
        if lent is None or lent.returncode is not None:
            return
        if lent.stdin is not None:
            lent.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(lent.wait(), END_SECONDS)

    async def _find(self) -> str:
        if self._settings.mcp_url is not None:
            return await self._given(self._settings.mcp_base_url)
        try:
            async with asyncio.timeout(START_SECONDS):
                url = await self._served_here()
        except TimeoutError as error:
            raise ServiceAway(f"The MCP service on {self._folder.parent} does not answer.") from error
        return await self._admitted(url)

    async def _served_here(self) -> str:
        turn: IO[str] | None = None
        try:
            while (url := address(self._folder)) is None or not await self._answers(url):
                turn = turn or turn_to_start(self._folder)
                if turn is not None:
                    await self._bring_along()
                await asyncio.sleep(POLL_SECONDS)
        finally:
            if turn is not None:
                turn.close()
        return url

    async def _given(self, url: str) -> str:
        self._key(url)
        if not await self._answers(url):
            raise ServiceAway(f"The MCP service at {url} does not answer: start it, or see DYNAVERA_MCP_URL.")
        return await self._admitted(url)

    async def _answers(self, url: str) -> bool:
        try:
            health = await self._http.get(f"{url}/health")
        except httpx2.TransportError:
            return False
        return health.status_code == HTTPStatus.OK

    async def _admitted(self, url: str) -> str:
        self._http.headers["Authorization"] = f"Bearer {self._key(url)}"
        try:
            answer = await self._http.get(f"{url}/documents", params={"limit": 1})
        except httpx2.TransportError as error:
            raise ServiceAway(f"The MCP service at {url} broke off. Ask again.") from error
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise ServiceAway(
                f"The MCP service at {url} does not know this API key: set DYNAVERA_TOKEN to one it knows."
            )
        return url

    def _key(self, url: str) -> str:
        """The API key to show; it is never made here, for only what the database knows opens anything."""
        try:
            token = owner_token(self._settings)
        except CannotStart as error:
            raise ServiceAway(str(error)) from error
        if token is None:
            raise ServiceAway(f"There is no API key for the MCP service at {url}: set DYNAVERA_TOKEN.")
        return token.get_secret_value()

    async def _bring_along(self) -> None:
        if self._lent is not None:
            if self._lent.returncode is None:
                return
            self._explain(self._lent.returncode)
        if is_open(self._folder) or is_wanted(self._folder):
            # Somebody has started one; it only does not answer yet.
            return
        self._said_before = self._logs.size(LOG)
        with self._logs.open(LOG) as log:
            self._lent = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "mcp_service", "--lent"),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _explain(self, code: int) -> None:
        self._lent = None
        if code > 0 and not is_open(self._folder):
            words = self._logs.last_line(LOG, self._said_before)
            raise ServiceAway(f"The MCP service cannot be started. It says: {words} (in {self._logs.path(LOG)})")
