"""The records of users and their keys, on a real database."""

import pytest
from pydantic import SecretStr

from dynavera.contracts.users import User
from dynavera.identifiers import new_id
from dynavera.records.database import Database
from dynavera.records.users import ApiKeyInUse, ApiKeyNotFound, Users


async def test_a_key_identifies_its_user_until_it_is_revoked(database: Database, user: User) -> None:
    users = Users(database)
    made = await users.add_key(user.id, "laptop")

    identity = await users.identity(made.api_key)
    await users.delete_key(user.id, made.id)

    assert identity is not None
    assert (identity.user, identity.api_key_id, identity.session_id) == (user, made.id, None)
    assert await users.identity(made.api_key) is None
    assert await users.by_api_key(made.api_key) is None


async def test_the_token_of_this_process_is_listed_as_not_revocable(database: Database, user: User) -> None:
    users = Users(database, SecretStr("dyn_first"))
    made = await users.add_key(user.id, "laptop")

    token, laptop = await users.keys(user.id)
    with pytest.raises(ApiKeyInUse, match="DYNAVERA_TOKEN"):
        await users.delete_key(user.id, token.id)

    assert (token.revocable, laptop.revocable, made.revocable) == (False, True, True)
    assert await users.by_api_key("dyn_first") == user


async def test_a_key_of_another_user_is_not_found(database: Database, user: User) -> None:
    users = Users(database)
    other = await users.add("other")
    made = await users.add_key(user.id, "laptop")

    for key_id in (made.id, new_id()):
        with pytest.raises(ApiKeyNotFound):
            await users.delete_key(other.id, key_id)

    assert await users.by_api_key(made.api_key) == user
