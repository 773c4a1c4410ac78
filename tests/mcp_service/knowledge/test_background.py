"""An embedder that is slower than the upload follows in the background."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from dynavera.contracts.documents import Document
from dynavera.records.change_log import Scope
from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from mcp_service.knowledge.ingestion import SourceFile
from mcp_service.knowledge.knowledge import Knowledge, open_knowledge
from tests.owner import create_owner

PATIENCE_SECONDS = 60


class World:
    """A user with a knowledge folder that is opened again and again."""

    def __init__(self, database: Database, folder: Path, user_id: UUID) -> None:
        self.database = database
        self.folder = folder
        self.user_id = user_id

    @asynccontextmanager
    async def opened(self, embedder: str = "minilm") -> AsyncGenerator[Knowledge]:
        async with open_knowledge(self.folder, embedder, self.database) as knowledge:
            yield knowledge

    async def ingest(self, knowledge: Knowledge, name: str, text: str) -> Document:
        [document] = await knowledge.ingest(self.user_id, "default", [SourceFile(name, None, text.encode())])
        assert isinstance(document, Document)
        return document

    async def first(self, knowledge: Knowledge, query: str) -> str:
        return (await knowledge.retrieve(self.user_id, "default", query, 4))[0].document

    def in_background_index(self, knowledge: Knowledge, query: str) -> int:
        """The passages that the slow index finds."""
        assert knowledge.indexes.slow is not None
        return len(knowledge.indexes.slow.index.search(Scope(self.user_id, "default"), query, 1000))


async def caught_up(knowledge: Knowledge) -> None:
    """Wait until the slow index serves."""
    assert knowledge.background is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not knowledge.background.is_current(knowledge.indexing.revision):
            await asyncio.sleep(0.02)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    await migrate(database)
    user = await create_owner(database, "key")
    yield World(database, tmp_path / "knowledge", user.id)
    await database.close()


async def test_a_document_is_found_at_once_and_by_the_better_vectors_later(world: World) -> None:
    async with world.opened() as knowledge:
        await world.ingest(knowledge, "oxygen.md", "The brain uses oxygen.")
        await world.ingest(knowledge, "trains.md", "A train leaves at noon.")

        at_once = await world.first(knowledge, "How does the brain use oxygen?")
        await caught_up(knowledge)
        later = await world.first(knowledge, "How does the brain use oxygen?")

        assert at_once == later == "oxygen.md"
        assert world.in_background_index(knowledge, "oxygen") == 2
        assert knowledge.progress().state == "never"


async def test_the_model_is_loaded_once_there_are_documents(world: World) -> None:
    async with world.opened() as knowledge:
        assert knowledge.indexes.slow is not None
        embedder = knowledge.indexes.slow.embedder
        await caught_up(knowledge)
        assert await knowledge.retrieve(world.user_id, "default", "oxygen", 4) == []
        before = embedder.is_loaded
        await world.ingest(knowledge, "oxygen.md", "The brain uses oxygen.")
        await caught_up(knowledge)

        assert (before, embedder.is_loaded) == (False, True)


async def test_an_existing_folder_moves_over_while_it_serves(world: World) -> None:
    async with world.opened("wordllama") as knowledge:
        await world.ingest(knowledge, "oxygen.md", "The brain uses oxygen.")

    async with world.opened() as knowledge:
        during = (await world.first(knowledge, "brain oxygen"), knowledge.progress().state)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (remaining := knowledge.passages_to_embed()):
                await asyncio.sleep(0)
        await caught_up(knowledge)

        assert during == ("oxygen.md", "running")
        assert (remaining, knowledge.passages_to_embed()) == (1, 0)
        assert world.in_background_index(knowledge, "oxygen") == 1


async def test_deleted_and_replaced_documents_leave_the_background_index(world: World) -> None:
    async with world.opened() as knowledge:
        gone = await world.ingest(knowledge, "gone.md", "Old light of the brain.")
        await world.ingest(knowledge, "kept.md", "First light of the brain.")
        await caught_up(knowledge)
        await knowledge.delete(world.user_id, gone.id)
        await world.ingest(knowledge, "kept.md", "New light of the brain.")
        await caught_up(knowledge)

        assert world.in_background_index(knowledge, "light") == 1


async def test_an_interrupted_start_continues_with_the_next_one(world: World) -> None:
    async with world.opened("wordllama") as knowledge:
        for number in range(3):
            text = "\n\n".join(f"# Part {part}\n\nThe brain {number} needs oxygen." for part in range(80))
            await world.ingest(knowledge, f"{number}.md", text)

    async with world.opened() as knowledge, asyncio.timeout(PATIENCE_SECONDS):
        while world.in_background_index(knowledge, "brain") == 0:
            await asyncio.sleep(0.02)
    async with world.opened() as knowledge:
        before = knowledge.progress()
        await caught_up(knowledge)

        assert before.state == "running"
        assert world.in_background_index(knowledge, "brain") == 240


async def test_a_rebuild_includes_the_background_index(world: World) -> None:
    async with world.opened() as knowledge:
        await world.ingest(knowledge, "oxygen.md", "The brain uses oxygen.")
        await caught_up(knowledge)

        knowledge.rebuild(1)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while knowledge.progress().state == "running":
                await asyncio.sleep(0.02)

        assert knowledge.progress().state == "done"
        assert world.in_background_index(knowledge, "oxygen") == 1
        assert await world.first(knowledge, "oxygen") == "oxygen.md"
