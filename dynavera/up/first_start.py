"""The records and what a new instance begins with; on one machine, later starts do not even import this."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx

from dynavera.credentials import mcp_token
from dynavera.first_run import FirstRun, FirstRunFailed
from dynavera.records.agents import Agents
from dynavera.records.database import Database, DatabaseAway
from dynavera.records.migrate import SchemaTooNew, migrate
from dynavera.records.owner import Say, ensure_owner
from dynavera.records.users import Users
from dynavera.settings import Settings
from dynavera.startup import CannotStart


async def prepare_records(settings: Settings, say: Say) -> None:
    """Bring the database to its newest schema, and see that there is an owner; `say` is told of the owner's token.

    Raises:
        CannotStart: the database says no.
    """
    async with _records(settings) as database:
        await migrate(database)
        await ensure_owner(database, settings, say)


async def fill(settings: Settings) -> None:
    """Fill the instance; the MCP service must be ready.

    Raises:
        CannotStart: the database, or the MCP service, says no.
    """
    headers = {"Authorization": f"Bearer {mcp_token(settings).get_secret_value()}"}
    async with (
        _records(settings) as database,
        httpx.AsyncClient(base_url=settings.mcp_base_url, headers=headers, trust_env=False) as service,
    ):
        await FirstRun(settings.data_dir, service, Users(database), Agents(database)).fill()


@asynccontextmanager
async def _records(settings: Settings) -> AsyncGenerator[Database]:
    database = Database(settings.records_url)
    try:
        yield database
    except DatabaseAway as error:
        raise CannotStart(f"{error} See DYNAVERA_DATABASE_URL.") from error
    except (SchemaTooNew, FirstRunFailed) as error:
        raise CannotStart(str(error)) from error
    finally:
        await database.close()
