"""Migrating the records and seeding a new instance; on one machine, later starts do not even import this."""

import httpx

from dynavera.credentials import mcp_token
from dynavera.records.agents import Agents
from dynavera.records.migrate import migrate
from dynavera.records.open_database import open_database
from dynavera.records.owner import ensure_owner
from dynavera.records.users import Users
from dynavera.seed import Seeder, SeedingFailed
from dynavera.settings import Settings
from dynavera.startup import CannotStart
from dynavera.up.supervisor import Notify


async def prepare_records(settings: Settings, notify: Notify) -> None:
    """Migrate the database to its newest schema and create the owner; `notify` is called about the owner's token.

    Raises:
        CannotStart: the database cannot be used.
    """
    async with open_database(settings) as database:
        await migrate(database)
        await ensure_owner(database, settings, notify)


async def seed(settings: Settings) -> None:
    """Seed the instance; the MCP service must be ready.

    Raises:
        CannotStart: the database or the MCP service cannot be used.
    """
    headers = {"Authorization": f"Bearer {mcp_token(settings).get_secret_value()}"}
    async with (
        open_database(settings) as database,
        httpx.AsyncClient(base_url=settings.mcp_base_url, headers=headers, trust_env=False) as mcp_service,
    ):
        try:
            await Seeder(settings.data_dir, mcp_service, Users(database), Agents(database)).seed()
        except SeedingFailed as error:
            raise CannotStart(str(error)) from error
