"""The API behind a real server, on a real database."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pydantic import HttpUrl, SecretStr

from api.app import create_app
from api.dependencies import Services
from api.limits import ApiLimits
from api.process import open_services
from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from dynavera.settings import Settings
from dynavera.web.quotas import Quotas
from tests.api.fakes import FakeMcp
from tests.api.live import database_url as database_url
from tests.api.live import impatient_workers as impatient_workers
from tests.api.live import live as live
from tests.api.live import temporal_environment as temporal_environment
from tests.api.openapi import DECLARED
from tests.owner import create_owner
from tests.postgres import postgres as postgres
from tests.serving import serving
from tests.temporal import temporal_away

OWNER_KEY = "dyn_of-the-first-user"
SERVICE_TOKEN = "mcp_of-the-service"

Connecting = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@dataclass
class Api:
    """A running API, and the parts around it."""

    url: str
    services: Services
    mcp: FakeMcp
    database: Database
    quotas: Quotas

    def client(self, api_key: str | None = OWNER_KEY) -> httpx.AsyncClient:
        """A client that shows this key, or none."""
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, event_hooks=DECLARED)

    def streams_open(self) -> int:
        """How many streams and sockets the API has open."""
        return self.quotas.streams.total


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
async def mcp() -> AsyncGenerator[tuple[FakeMcp, str]]:
    fake = FakeMcp()
    async with serving(fake.app()) as url:
        yield fake, url


@pytest.fixture
def page_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Dynavera</title>")
    (folder / "favicon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "assets" / "index-1a2b3c.js").write_text("console.log('here')")
    return folder


@pytest.fixture
def settings(tmp_path: Path, mcp: tuple[FakeMcp, str]) -> Settings:
    return Settings(
        data_dir=tmp_path,
        token=SecretStr(OWNER_KEY),
        mcp_url=HttpUrl(mcp[1]),
        allowed_origins=("http://localhost:5173",),
    )


@pytest.fixture
def limits() -> ApiLimits:
    """The limits of the API; a test may give its own."""
    return ApiLimits()


@pytest.fixture
async def api(
    settings: Settings, database: Database, mcp: tuple[FakeMcp, str], page_folder: Path, limits: ApiLimits
) -> AsyncGenerator[Api]:
    """The API without Temporal: executions are accepted, and stay queued."""
    await create_owner(database, OWNER_KEY)
    temporal = await temporal_away(settings)
    async with open_services(settings, database, temporal, SecretStr(SERVICE_TOKEN), limits) as (services, _sweep):
        app = create_app(services, page_folder)
        async with serving(
            app, settings=settings, largest_message=limits.socket_message_bytes, limits=limits.http
        ) as url:
            yield Api(url, services, mcp[0], database, app.state.quotas)


@pytest.fixture
async def client(api: Api) -> AsyncGenerator[httpx.AsyncClient]:
    """The first user's client."""
    async with api.client() as client:
        yield client


@pytest.fixture
async def stranger(api: Api) -> AsyncGenerator[httpx.AsyncClient]:
    """A second user's client."""
    made = await api.services.users.add("stranger")
    async with api.client(made.api_key) as client:
        yield client
