"""Sessions and log-in codes, which end with the key that created them, on a real database."""

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
    """The user's identity with a new API key."""
    identity = await Users(database).identity((await Users(database).add_key(user.id, "laptop")).api_key)
    assert identity is not None
    return identity


async def known(sessions: Sessions, secret: str) -> Identity:
    identity = await sessions.identity(secret)
    assert identity is not None
    return identity


async def aged(database: Database, age: timedelta) -> None:
    """Make every session look `age` old and unused since."""
    async with database.writing() as session:
        begun = utc_now() - age
        await session.execute(update(SessionRow).values(created_at=begun, last_used_at=begun))


async def test_a_revoked_key_ends_only_its_own_sessions_and_codes(
    database: Database, user: User, sessions: Sessions
) -> None:
    one, other = await new_key(database, user), await new_key(database, user)
    directly, (code, _) = await sessions.begin(one), await sessions.login_code(one)
    redeemed = await sessions.redeem(code)
    assert redeemed is not None
    by_link = await sessions.begin(redeemed)
    # A logged-in browser creates a link for another one.
    onwards, _ = await sessions.login_code(await known(sessions, by_link))
    elsewhere = await sessions.begin(other)

    assert one.api_key_id is not None
    await Users(database).delete_key(user.id, one.api_key_id)

    assert [await sessions.identity(secret) for secret in (directly, by_link)] == [None, None]
    assert await sessions.redeem(onwards) is None
    assert (await known(sessions, elsewhere)).api_key_id == other.api_key_id


async def test_a_revoked_key_creates_no_session_or_code(database: Database, user: User, sessions: Sessions) -> None:
    one = await new_key(database, user)
    assert one.api_key_id is not None
    await Users(database).delete_key(user.id, one.api_key_id)

    with pytest.raises(KeyRevoked):
        await sessions.begin(one)
    with pytest.raises(KeyRevoked):
        await sessions.login_code(one)

    assert (await sessions.page(one, 10)).items == []


async def test_sessions_are_paged_newest_first(database: Database, user: User, sessions: Sessions) -> None:
    one = await new_key(database, user)
    secrets = [await sessions.begin(one, f"Browser {number}") for number in range(3)]
    stranger = (await Users(database).add("stranger")).id
    current = await known(sessions, secrets[1])

    first = await sessions.page(current, 2)
    second = await sessions.page(current, 2, first.next_cursor)

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
        await sessions.page(current, 2, "x")


async def test_a_session_can_only_be_ended_by_its_user(database: Database, user: User, sessions: Sessions) -> None:
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


async def test_a_session_can_end_all_others_and_a_key_can_end_all(
    database: Database, user: User, sessions: Sessions
) -> None:
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


async def test_a_shorter_lifetime_applies_to_existing_sessions(
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
    # A new session deletes expired ones.
    await shortest.begin(one)
    assert await sessions.identity(secret) is None


async def test_the_last_use_is_recorded_at_intervals(database: Database, user: User, sessions: Sessions) -> None:
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


async def test_a_deactivated_user_has_no_session(database: Database, user: User, sessions: Sessions) -> None:
    guest = await Users(database).add("guest")
    identity = await Users(database).identity(guest.api_key)
    assert identity is not None
    secret = await sessions.begin(identity)

    await Users(database).set_active(guest.id, active=False)
    await Users(database).set_active(guest.id, active=True)

    assert await sessions.identity(secret) is None
