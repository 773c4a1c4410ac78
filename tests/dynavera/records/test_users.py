"""The records of users and their keys, on a real database."""

import asyncio

import pytest

from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from dynavera.records.users import FIRST_KEY, ApiKeyStays, TokenTaken, Users

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


async def test_a_token_that_was_changed_is_valid_no_more_and_other_keys_are(database: Database) -> None:
    users = Users(database)
    user = await users.ensure_first(TOKEN)
    # Its name says nothing: anybody may call a key so.
    other = await users.add_key(user.id, FIRST_KEY)

    await users.ensure_first("dyn_second")

    assert await users.by_api_key(TOKEN) is None
    assert await users.by_api_key("dyn_second") == user
    assert await users.by_api_key(other.api_key) == user


async def test_the_key_that_the_settings_hold_is_not_revoked(database: Database) -> None:
    users = Users(database)
    user = await users.ensure_first(TOKEN)
    made = await users.add_key(user.id, "laptop")
    (token,) = [key for key in await users.keys(user.id) if key.id != made.id]

    with pytest.raises(ApiKeyStays, match="DYNAVERA_TOKEN"):
        await users.delete_key(user.id, token.id)
    await users.ensure_first(made.api_key)

    assert await users.by_api_key(TOKEN) is None
    assert [key.id for key in await users.keys(user.id)] == [made.id]
    with pytest.raises(ApiKeyStays):
        await users.delete_key(user.id, made.id)


async def test_a_token_that_is_another_users_key_is_refused_in_words(database: Database) -> None:
    users = Users(database)
    await users.ensure_first(TOKEN)
    other = await users.add("other")

    with pytest.raises(TokenTaken, match="DYNAVERA_TOKEN"):
        await users.ensure_first(other.api_key)

    first = await users.by_api_key(TOKEN)
    assert first is not None
    assert first.owner
