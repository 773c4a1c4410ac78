"""A real MCP service on a free port, with a real database, Chroma and embedder."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from dynavera.contracts.users import NewUser, User
from dynavera.credentials import mcp_token, owner_token
from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from dynavera.records.owner import ensure_owner
from dynavera.records.users import Users
from dynavera.settings import Settings
from mcp_service.app import create_app
from mcp_service.knowledge.embedders import WORDLLAMA
from mcp_service.limits import ServiceLimits
from tests.serving import serving


@dataclass(frozen=True)
class Running:
    """A running service, its database, its owner, and their two tokens."""

    url: str
    settings: Settings
    database: Database
    owner: User
    owner_key: str
    service_token: SecretStr

    def client(self, key: str | None = None, **headers: str) -> httpx.AsyncClient:
        """A plain HTTP client with the owner's key, or another."""
        credentials = {"Authorization": f"Bearer {key or self.owner_key}", **headers}
        return httpx.AsyncClient(base_url=self.url, headers=credentials, timeout=30, trust_env=False)

    async def another_user(self, name: str = "someone else") -> NewUser:
        """A second user, with a key."""
        return await Users(self.database).add(name)


@asynccontextmanager
async def running_service(
    folder: Path,
    port: int = 0,
    *,
    send_buffer: int | None = None,
    limits: ServiceLimits = ServiceLimits(),  # noqa: B008 -- frozen
    **settings: Any,
) -> AsyncGenerator[Running]:
    """The service with its data in `folder`, on `port` (0: any free one); `settings` as in `Settings`.

    Unless they name an embedder, it is wordllama, which does not index in the background.
    """
    chosen = Settings(data_dir=folder, **_with_embedder(settings))
    database = Database(chosen.records_url)
    try:
        await migrate(database)
        owner = await ensure_owner(database, chosen, lambda _news: None)
        key = owner_token(chosen)
        assert key is not None
        async with serving(create_app(chosen, database, limits), port, send_buffer=send_buffer, settings=chosen) as url:
            yield Running(url, chosen, database, owner, key.get_secret_value(), mcp_token(chosen))
    finally:
        await database.close()


def files(**contents: str | bytes) -> list[tuple[str, tuple[str, bytes]]]:
    """Files for an upload; `name_md="…"` is sent as `name.md`."""
    return [
        ("file", (name[::-1].replace("_", ".", 1)[::-1], text.encode() if isinstance(text, str) else text))
        for name, text in contents.items()
    ]


async def upload(
    client: httpx.AsyncClient, collection: str | None = None, **contents: str | bytes
) -> list[dict[str, Any]]:
    """Upload files that are all ingested, and return their documents."""
    data = {} if collection is None else {"collection": collection}
    response = await client.post("/documents", files=files(**contents), data=data)
    assert response.status_code == httpx.codes.CREATED, response.text
    return response.json()["items"]


def _with_embedder(settings: dict[str, Any]) -> dict[str, Any]:
    return {"embedder": WORDLLAMA, **settings}
