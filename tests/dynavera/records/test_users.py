"""The records of users and their keys, on a real database."""

import asyncio

from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from dynavera.records.users import Users

TOKEN = "dyn_first"


async def test_processes_that_start_together_find_the_same_first_user(records_url: str) -> None:
    processes = [Database(records_url) for _ in range(4)]
    await asyncio.gather(*(migrate(process) for process in processes))

    found = await asyncio.gather(*(Users(process).ensure_first(TOKEN) for process in processes))

    users = Users(processes[0])
    keys = await users.keys(found[0].id)
    for process in processes:
        await process.close()
    assert {user.id for user in found} == {found[0].id}
    assert len(keys) == 1
