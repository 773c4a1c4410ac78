"""Synchronization of the indexes with the records, with failures and cancellation."""

import asyncio
import hashlib
import threading
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from uuid import UUID

import pytest

from dynavera.records.change_log import ChangeLog, CurrentDocument
from dynavera.records.database import Database
from dynavera.records.documents import DocumentRecords
from dynavera.records.migrate import migrate
from dynavera.records.new_documents import NewDocument, NewPassage
from mcp_service.knowledge.indexing import Indexing, Rebuilding
from mcp_service.knowledge.search import SearchResult
from tests.owner import create_owner

PATIENCE_SECONDS = 10


class DiskFull(Exception):
    pass


class FakeIndex:
    """Stores the texts of passages; it can be made to fail, or to wait in the middle of a write."""

    def __init__(self) -> None:
        self.texts: dict[UUID, list[str]] = {}
        self.reached = 0
        self.fails = False
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.writing = False

    def revision(self) -> int:
        return self.reached

    def apply(self, documents: Sequence[CurrentDocument], revision: int) -> None:
        assert not self.writing, "two write at a time"
        self.writing = True
        assert self.may_go_on.wait(PATIENCE_SECONDS)
        self.writing = False
        if self.fails:
            raise DiskFull
        self.texts |= {each.document_id: [passage.text for passage in each.passages] for each in documents}
        self.reached = revision

    def clear(self) -> None:
        self.texts.clear()
        self.reached = 0


class World:
    def __init__(self, database: Database, user_id: UUID) -> None:
        self.records = DocumentRecords(database)
        self.user_id = user_id
        self.one, self.other = FakeIndex(), FakeIndex()
        self.indexing = Indexing(ChangeLog(database), (self.one, self.other))

    async def put(self, *names: str) -> None:
        """Store documents whose text is their name."""
        digest = hashlib.sha256(b"").hexdigest()
        new = [NewDocument(name, "text/plain", 1, name, name, [NewPassage("", 0, 1, name, digest)]) for name in names]
        await self.records.put(self.user_id, "default", new)

    async def searched(self) -> list[list[list[list[str]]]]:
        """The contents of the indexes at each search that one search needed."""
        seen: list[list[list[list[str]]]] = []

        async def search() -> SearchResult:
            seen.append(self.held())
            return SearchResult([], None)

        await self.indexing.search(search)
        return seen

    def held(self) -> list[list[list[str]]]:
        return [sorted(index.texts.values()) for index in (self.one, self.other)]

    async def ended(self) -> str:
        """The state of the rebuild after its end."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.indexing.progress().state == "running":
                await asyncio.sleep(0)
        return self.indexing.progress().state


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    await migrate(database)
    yield World(database, (await create_owner(database, "key")).id)
    await database.close()


async def test_a_failed_index_catches_up(world: World) -> None:
    await world.put("a")
    world.one.fails = True
    with pytest.raises(DiskFull):
        await world.indexing.catch_up()
    world.one.fails = False
    await world.put("b")

    await world.searched()

    assert world.held() == [[["a"], ["b"]], [["a"], ["b"]]]


async def test_only_a_search_that_missed_a_change_is_repeated(world: World) -> None:
    await world.put("a")
    await world.indexing.catch_up()
    await world.put("b")

    behind = await world.searched()
    up_to_date = await world.searched()

    assert behind == [[[["a"]], [["a"]]], [[["a"], ["b"]], [["a"], ["b"]]]]
    assert up_to_date == [[[["a"], ["b"]], [["a"], ["b"]]]]


async def test_a_search_does_not_wait_for_a_write(world: World) -> None:
    await world.put("a")
    world.one.may_go_on.clear()
    writing = asyncio.create_task(world.indexing.catch_up())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not world.one.writing:
            await asyncio.sleep(0)

        meanwhile = await world.searched()
    world.one.may_go_on.set()
    await writing

    assert len(meanwhile) == 1


async def test_a_cancelled_write_does_not_overlap_the_next(world: World) -> None:
    await world.put("a")
    world.one.may_go_on.clear()
    leaving = asyncio.create_task(world.indexing.catch_up())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not world.one.writing:
            await asyncio.sleep(0)

    leaving.cancel()
    coming = asyncio.create_task(world.indexing.catch_up())
    await asyncio.sleep(0)
    world.one.may_go_on.set()
    await coming

    assert leaving.cancelled()
    assert world.held() == [[["a"]], [["a"]]]


async def test_searches_are_refused_during_a_rebuild(world: World) -> None:
    await world.put("a", "b")
    await world.indexing.catch_up()
    world.other.may_go_on.clear()

    began = world.indexing.rebuild(2)
    again = world.indexing.rebuild(2)
    with pytest.raises(Rebuilding):
        await world.searched()
    world.other.may_go_on.set()
    state = await world.ended()
    await world.searched()

    assert (began.state, again.state, state) == ("running", "running", "done")
    assert world.indexing.progress().passages == 2
    assert world.held() == [[["a"], ["b"]], [["a"], ["b"]]]


async def test_a_failed_rebuild_is_logged_and_the_next_search_continues_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.put("a")
    await world.indexing.catch_up()
    world.other.fails = True

    world.indexing.rebuild(1)
    state = await world.ended()
    world.other.fails = False
    await world.searched()

    assert state == "failed"
    assert "Rebuilding the indexes failed" in caplog.text
    assert world.held() == [[["a"]], [["a"]]]


async def test_the_next_start_continues_an_interrupted_rebuild(world: World) -> None:
    await world.put("a")
    world.one.may_go_on.clear()
    world.indexing.rebuild(1)
    closing = asyncio.create_task(world.indexing.close())
    await asyncio.sleep(0)
    world.one.may_go_on.set()
    await closing

    await world.indexing.catch_up()

    assert world.held() == [[["a"]], [["a"]]]
