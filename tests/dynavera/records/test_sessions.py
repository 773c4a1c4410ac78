"""Sessions and log-in codes, and how they end with the key that made them, on a real database."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from dynavera.contracts.contract import utc_now
from dynavera.contracts.users import User
from dynavera.identifiers import new_id
from dynavera.limits import SESSION_USE_INTERVAL
from dynavera.records.cursors import BadCursor
from dynavera.records.database import Database
from dynavera.records.sessions import KeyRevoked, SessionNotFound, Sessions
from dynavera.records.tables import SessionRow
from dynavera.records.users import Identity, Users

MONTH = timedelta(days=30)


@pytest.fixture
def sessions(database: Database) -> Sessions:
    return Sessions(database, MONTH)


async def new_key(database: Database, user: User) -> Identity:
    """The user by a new API key."""
    identity = await Users(database).identity((await Users(database).add_key(user.id, "laptop")).api_key)
    assert identity is not None
    return identity


async def known(sessions: Sessions, secret: str) -> Identity:
    identity = await sessions.identity(secret)
    assert identity is not None
    return identity


async def aged(database: Database, age: timedelta) -> None:
    """Let every session have begun, and been used last, so long ago."""
    async with database.writing() as session:
        begun = utc_now() - age
        await session.execute(update(SessionRow).values(created_at=begun, last_used_at=begun))


async def test_a_revoked_key_ends_its_sessions_its_codes_and_no_others(
    database: Database, user: User, sessions: Sessions
) -> None:
    one, other = await new_key(database, user), await new_key(database, user)
    directly, (code, _) = await sessions.begin(one), await sessions.login_code(one)
    redeemed = await sessions.redeem(code)
    assert redeemed is not None
    by_link = await sessions.begin(redeemed)
    # A browser that is logged in makes a link for another one.
    onwards, _ = await sessions.login_code(await known(sessions, by_link))
    elsewhere = await sessions.begin(other)

    assert one.api_key_id is not None
    await Users(database).delete_key(user.id, one.api_key_id)

    assert [await sessions.identity(secret) for secret in (directly, by_link)] == [None, None]
    assert await sessions.redeem(onwards) is None
    assert (await known(sessions, elsewhere)).api_key_id == other.api_key_id


async def test_a_key_that_is_revoked_meanwhile_begins_nothing(
    database: Database, user: User, sessions: Sessions
) -> None:
    one = await new_key(database, user)
    assert one.api_key_id is not None
    await Users(database).delete_key(user.id, one.api_key_id)

    with pytest.raises(KeyRevoked):
        await sessions.begin(one)
    with pytest.raises(KeyRevoked):
        await sessions.login_code(one)

    assert (await sessions.page(one, 10)).items == []


async def test_sessions_are_listed_newest_first_page_by_page(
    database: Database, user: User, sessions: Sessions
) -> None:
    one = await new_key(database, user)
    secrets = [await sessions.begin(one, f"Browser {number}") for number in range(3)]
    stranger = (await Users(database).add("stranger")).id
    asking = await known(sessions, secrets[1])

    first = await sessions.page(asking, 2)
    second = await sessions.page(asking, 2, first.next_cursor)

    items = [*first.items, *second.items]
    assert [(item.user_agent, item.current) for item in items] == [
        ("Browser 2", False),
        ("Browser 1", True),
        ("Browser 0", False),
    ]
    assert {item.api_key_id for item in items} == {one.api_key_id}
    assert all(item.expires_at - item.created_at == MONTH for item in items)
    assert (len(first.items), second.next_cursor) == (2, None)
    other = Identity(user.model_copy(update={"id": stranger}), None)
    assert (await sessions.page(other, 10)).items == []
    with pytest.raises(BadCursor):
        await sessions.page(asking, 2, "x")


async def test_one_session_is_ended_by_its_user_only(database: Database, user: User, sessions: Sessions) -> None:
    one = await new_key(database, user)
    kept, ended = await sessions.begin(one), await sessions.begin(one)
    session_id = (await known(sessions, ended)).session_id
    assert session_id is not None
    stranger = (await Users(database).add("stranger")).id

    for user_id, unknown in ((stranger, session_id), (user.id, new_id())):
        with pytest.raises(SessionNotFound):
            await sessions.end(user_id, unknown)
    assert await sessions.identity(ended) is not None
    await sessions.end(user.id, session_id)

    assert await sessions.identity(ended) is None
    assert await sessions.identity(kept) is not None
    with pytest.raises(SessionNotFound):
        await sessions.end(user.id, session_id)


async def test_all_others_are_ended_and_by_a_key_all(database: Database, user: User, sessions: Sessions) -> None:
    one = await new_key(database, user)
    secrets = [await sessions.begin(one) for _ in range(3)]
    guest = await Users(database).add("guest")
    guests_key = await Users(database).identity(guest.api_key)
    assert guests_key is not None
    of_guest = await sessions.begin(guests_key)

    await sessions.end_others(await known(sessions, secrets[1]))
    after_others = [await sessions.identity(secret) is not None for secret in secrets]
    await sessions.end_others(one)

    assert after_others == [False, True, False]
    assert await sessions.identity(secrets[1]) is None
    assert await sessions.identity(of_guest) is not None


async def test_a_lifetime_that_was_made_shorter_counts_for_sessions_that_there_are(
    database: Database, user: User, sessions: Sessions
) -> None:
    one = await new_key(database, user)
    secret = await sessions.begin(one)
    await aged(database, timedelta(hours=2))
    shorter, shortest = Sessions(database, timedelta(hours=3)), Sessions(database, timedelta(hours=1))

    identity = await known(shorter, secret)
    (shown,) = (await shorter.page(identity, 10)).items

    assert shown.expires_at - shown.created_at == timedelta(hours=3)
    assert await shortest.identity(secret) is None
    assert (await shortest.page(identity, 10)).items == []
    # A new session clears away what has ended.
    await shortest.begin(one)
    assert await sessions.identity(secret) is None


async def test_the_last_use_is_noted_now_and_then(database: Database, user: User, sessions: Sessions) -> None:
    one = await new_key(database, user)
    secret = await sessions.begin(one)
    noted: list[timedelta] = []

    for age in (SESSION_USE_INTERVAL / 2, SESSION_USE_INTERVAL):
        await aged(database, age)
        before = utc_now()
        await known(sessions, secret)
        (shown,) = (await sessions.page(one, 10)).items
        noted.append(before - shown.last_used_at)

    assert noted[0] >= SESSION_USE_INTERVAL / 2
    assert noted[1] <= timedelta(0)


async def test_who_is_shut_out_has_no_session(database: Database, user: User, sessions: Sessions) -> None:
    guest = await Users(database).add("guest")
    identity = await Users(database).identity(guest.api_key)
    assert identity is not None
    secret = await sessions.begin(identity)

    await Users(database).set_active(guest.id, active=False)
    await Users(database).set_active(guest.id, active=True)

    assert await sessions.identity(secret) is None
