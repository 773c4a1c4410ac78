"""The owner's token, with processes that have separate data directories, on a real database."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from dynavera.credentials import digest
from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from dynavera.records.owner import TOKEN_NAME, TokenTaken, ensure_owner
from dynavera.records.sessions import Sessions
from dynavera.records.users import Users, key_row
from dynavera.settings import Settings
from dynavera.startup import CannotStart


@dataclass
class Host:
    """A process with a data directory that can be started several times; keeps the notices of the last start."""

    database: Database
    folder: Path
    notices: list[str] = field(default_factory=list[str])

    async def start(self, setting: str | None = None) -> None:
        token = None if setting is None else SecretStr(setting)
        self.notices = []
        await ensure_owner(self.database, Settings(data_dir=self.folder, token=token), self.notices.append)

    @property
    def file(self) -> Path:
        return self.folder / "token"

    @property
    def token(self) -> str | None:
        return self.file.read_text().strip() if self.file.exists() else None


NewHost = Callable[[str], Host]


@pytest.fixture
async def host(records_url: str, tmp_path: Path) -> AsyncGenerator[NewHost]:
    """Creates hosts by name; each has its own connections to the same database."""
    hosts: list[Host] = []

    def new_host(name: str) -> Host:
        hosts.append(Host(Database(records_url), tmp_path / name))
        return hosts[-1]

    await migrate(new_host("migrating").database)
    yield new_host
    for created in hosts:
        await created.database.close()


async def is_valid(host: Host, token: str | None) -> bool:
    user = await Users(host.database).by_api_key(token or "")
    return user is not None and user.owner


async def test_exactly_one_of_several_starting_processes_creates_a_token(host: NewHost) -> None:
    hosts = [host(f"host {number}") for number in range(4)]

    await asyncio.gather(*(one.start() for one in hosts))

    (first,) = [one for one in hosts if one.token is not None]
    others = [one for one in hosts if one is not first]
    assert await is_valid(first, first.token)
    assert first.file.stat().st_mode & 0o777 == 0o600
    assert [str(first.file) in sentence for sentence in first.notices] == [True]
    assert all(
        "DYNAVERA_TOKEN" in sentence and "has no owner's token" in sentence
        for one in others
        for sentence in one.notices
    )
    assert [len(one.notices) for one in others] == [1, 1, 1]
    assert len(await Users(first.database).keys((await Users(first.database).first()).id)) == 1


async def test_processes_with_one_data_directory_share_a_token_and_create_one_owner(host: NewHost) -> None:
    processes = [host("shared") for _ in range(4)]

    await asyncio.gather(*(process.start() for process in processes))

    users = Users(processes[0].database)
    assert await is_valid(processes[0], processes[0].token)
    assert len(await users.all()) == 1
    assert len(await users.keys((await users.first()).id)) == 1
    assert sorted(len(process.notices) for process in processes) == [0, 0, 0, 1]


async def test_a_start_does_not_revoke_the_token_of_another_data_directory(host: NewHost) -> None:
    made, set_here, set_there, written = host("made"), host("set here"), host("set there"), host("written")
    written.folder.mkdir()
    written.file.write_text("dyn_written-by-hand\n")

    for _ in range(2):
        await made.start()
        await set_here.start("dyn_here")
        await set_there.start("dyn_there")
        await written.start()

    tokens = [made.token, "dyn_here", "dyn_there", "dyn_written-by-hand"]
    assert [await is_valid(made, token) for token in tokens] == [True] * 4
    assert [one.notices for one in (made, set_here, set_there, written)] == [[], [], [], []]


async def test_a_changed_setting_revokes_the_earlier_token_and_ends_its_sessions(host: NewHost) -> None:
    one = host("one")
    await one.start("dyn_first")
    users, sessions = Users(one.database), Sessions(one.database, Settings().session_lifetime)
    first = await users.identity("dyn_first")
    assert first is not None
    laptop = await users.identity((await users.add_key(first.user.id, TOKEN_NAME)).api_key)
    assert laptop is not None
    by_token, by_laptop = await sessions.begin(first), await sessions.begin(laptop)
    code, _ = await sessions.login_code(first)

    await one.start("dyn_second")

    assert await users.by_api_key("dyn_first") is None
    assert await users.by_api_key("dyn_second") == first.user
    assert await sessions.identity(by_token) is None
    assert await sessions.redeem(code) is None
    assert await sessions.identity(by_laptop) is not None
    assert one.notices == [
        "The token in DYNAVERA_TOKEN is an API key of the owner now.",
        "The owner's earlier token is revoked, and 1 of its sessions have ended.",
    ]


async def test_a_shared_token_is_revoked_when_the_last_data_directory_has_another(host: NewHost) -> None:
    one, two = host("one"), host("two")
    await one.start("dyn_first")
    await two.start("dyn_first")

    await one.start("dyn_second")
    in_between = await is_valid(one, "dyn_first")
    notices = one.notices
    await two.start("dyn_second")

    assert in_between
    assert "stays valid" in notices[-1]
    assert [await is_valid(one, token) for token in ("dyn_first", "dyn_second")] == [False, True]


async def test_a_deleted_token_file_is_replaced_and_the_earlier_token_revoked(host: NewHost) -> None:
    one = host("one")
    await one.start()
    earlier = one.token
    users = Users(one.database)
    # The owner has another key, so this is not like a first start.
    await users.add_key((await users.first()).id, "laptop")

    one.file.unlink()
    await one.start()

    assert one.token not in (None, earlier)
    assert [await is_valid(one, token) for token in (earlier, one.token)] == [False, True]


async def test_a_rewritten_token_file_is_used(host: NewHost) -> None:
    one = host("one")
    await one.start()
    earlier = one.token

    one.file.write_text("dyn_by-hand\n")
    await one.start()

    assert [await is_valid(one, token) for token in (earlier, "dyn_by-hand")] == [False, True]


async def test_a_new_database_gets_the_existing_token(host: NewHost, tmp_path: Path) -> None:
    one = host("one")
    await one.start()
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'again.sqlite3'}")
    await migrate(database)
    again = Host(database, one.folder)

    await again.start()

    assert await is_valid(again, one.token)
    await database.close()


async def test_the_setting_takes_precedence_over_the_file_with_a_notice(host: NewHost) -> None:
    one = host("one")
    await one.start()
    in_file = one.token

    await one.start("dyn_set")
    with_file = [await is_valid(one, token) for token in (in_file, "dyn_set")]
    notices = one.notices
    one.file.unlink()
    await one.start("dyn_set")

    assert with_file == [True, True]
    assert f"DYNAVERA_TOKEN is used, and not the token in {one.file}." in notices[-1]
    assert [await is_valid(one, token) for token in (in_file, "dyn_set")] == [False, True]


async def test_without_the_setting_no_token_is_created_or_revoked(host: NewHost) -> None:
    one = host("one")
    await one.start("dyn_set")

    # Another process of this data directory may have the setting.
    await one.start()

    assert one.token is None
    assert await is_valid(one, "dyn_set")
    assert "has no owner's token" in one.notices[0]


async def test_a_revoked_token_that_is_still_set_becomes_valid_again_with_a_notice(host: NewHost) -> None:
    one = host("one")
    await one.start("dyn_set")
    users = Users(one.database)
    owner = await users.first()
    await users.delete_key(owner.id, (await users.keys(owner.id))[0].id)
    revoked = await is_valid(one, "dyn_set")

    await one.start("dyn_set")

    assert (revoked, await is_valid(one, "dyn_set")) == (False, True)
    assert "again, though it was revoked" in one.notices[0]


async def test_a_key_that_was_used_as_the_token_stays_valid_afterwards(host: NewHost) -> None:
    one = host("one")
    await one.start("dyn_set")
    users = Users(one.database)
    made = await users.add_key((await users.first()).id, "laptop")

    await one.start(made.api_key)
    await one.start("dyn_third")

    assert [await is_valid(one, token) for token in ("dyn_set", made.api_key, "dyn_third")] == [False, True, True]


async def test_a_token_of_an_earlier_version_is_kept(host: NewHost) -> None:
    one = host("one")
    await one.start("dyn_set")
    async with one.database.writing() as session:
        owner = await Users(one.database).first()
        session.add(key_row(owner.id, TOKEN_NAME, "dyn_earlier", configured=True))

    await one.start("dyn_second")

    assert [await is_valid(one, token) for token in ("dyn_earlier", "dyn_set", "dyn_second")] == [True, False, True]


async def test_another_users_key_as_the_token_is_refused(host: NewHost) -> None:
    one = host("one")
    await one.start("dyn_set")
    other = await Users(one.database).add("other")

    with pytest.raises(TokenTaken, match="DYNAVERA_TOKEN"):
        await one.start(other.api_key)

    assert await is_valid(one, "dyn_set")
    assert not await is_valid(one, other.api_key)


async def test_the_setting_needs_no_data_directory(host: NewHost, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    one = Host(host("any").database, tmp_path / "file" / "data")

    await one.start("dyn_set")

    assert await is_valid(one, "dyn_set")
    assert any("revoke an earlier one on the page" in sentence for sentence in one.notices)
    with pytest.raises(CannotStart, match="DYNAVERA_DATA_DIR"):
        await one.start()


async def test_a_blank_token_file_is_refused_if_it_is_needed(host: NewHost) -> None:
    one = host("one")
    one.folder.mkdir()
    one.file.write_text("\n")

    with pytest.raises(CannotStart, match="token is blank"):
        await one.start()
    await one.start("dyn_set")

    assert await is_valid(one, "dyn_set")
    assert any("is blank" in sentence for sentence in one.notices)


async def test_the_token_itself_is_not_in_the_database(host: NewHost) -> None:
    one = host("one")
    await one.start()

    async with one.database.reading() as session:
        rows = (await session.connection()).exec_driver_sql
        stored = [str(row) for table in ("api_keys", "owner_tokens") for row in await rows(f"SELECT * FROM {table}")]

    assert one.token is not None
    assert sum(digest(one.token) in row for row in stored) == 2
    assert not any(one.token in row for row in stored)
