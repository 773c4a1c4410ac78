"""The look-ups in ten languages, with the default embedder and with the vectors that serve until it is ready."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from benchmarks.retrieval.lookups import read_lookups
from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from dynavera.settings import Settings
from mcp_service.knowledge.embedders import WORDLLAMA
from mcp_service.knowledge.ingestion import SourceFile
from mcp_service.knowledge.knowledge import Knowledge, open_knowledge
from tests.owner import create_owner

LEAST_FIRST = 28

PATIENCE_SECONDS = 120


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    await migrate(database)
    yield database
    await database.close()


async def embedded(knowledge: Knowledge) -> None:
    """Wait until the embedder that works in the background has every document."""
    assert knowledge.background is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not knowledge.background.is_current(knowledge.indexing.revision):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("embedder", [Settings.model_fields["embedder"].default, WORDLLAMA])
async def test_the_right_document_comes_first_in_ten_languages(
    database: Database, tmp_path: Path, embedder: str
) -> None:
    user = await create_owner(database, "key")
    texts, lookups = read_lookups()
    files = [SourceFile(name, None, text.encode()) for name, text in texts.items()]

    async def first(knowledge: Knowledge, question: str) -> str:
        found = await knowledge.retrieve(user.id, "default", question, 4)
        return found[0].document if found else ""

    async with open_knowledge(tmp_path / "knowledge", embedder, database) as knowledge:
        await knowledge.ingest(user.id, "default", files)
        if embedder != WORDLLAMA:
            await embedded(knowledge)
        wrong = [each for each in lookups if await first(knowledge, each.question) != each.document]

    assert len(lookups) == 30
    assert len({each.language for each in lookups}) == 10
    assert len(wrong) <= len(lookups) - LEAST_FIRST, wrong
