"""The first start: the records, and what a new instance begins with. Later starts do not even import this."""

import httpx

from dynavera.credentials import first_user_token, mcp_token
from dynavera.first_run import FirstRun, FirstRunFailed
from dynavera.records.agents import Agents
from dynavera.records.database import Database, DatabaseAway
from dynavera.records.migrate import SchemaTooNew, migrate
from dynavera.records.users import Users
from dynavera.settings import Settings
from dynavera.up.checks import CannotStart


async def fill(settings: Settings) -> None:
    """Make the records and the first user, and fill the instance; the MCP service must be ready.

    Raises:
        CannotStart: the database, or the MCP service, says no.
    """
    database = Database(settings.records_url)
    users = Users(database)
    token = mcp_token(settings).get_secret_value()
    headers = {"Authorization": f"Bearer {token}"}
    try:
        await migrate(database)
        await users.ensure_first(first_user_token(settings).get_secret_value())
        async with httpx.AsyncClient(base_url=settings.mcp_base_url, headers=headers, trust_env=False) as service:
            await FirstRun(settings.data_dir, service, users, Agents(database)).fill()
    except DatabaseAway as error:
        raise CannotStart(f"{error} See DYNAVERA_DATABASE_URL.") from error
    except (SchemaTooNew, FirstRunFailed) as error:
        raise CannotStart(str(error)) from error
    finally:
        await database.close()
