"""The look-ups in ten languages, with the default embedder."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from benchmarks.retrieval.lookups import read_lookups
from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from dynavera.settings import Settings
from mcp_service.knowledge.ingestion import SourceFile
from mcp_service.knowledge.knowledge import Knowledge, open_knowledge
from tests.owner import create_owner

LEAST_FIRST = 28


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    await migrate(database)
    yield database
    await database.close()


async def test_the_right_document_comes_first_in_ten_languages(database: Database, tmp_path: Path) -> None:
    user = await create_owner(database, "key")
    texts, lookups = read_lookups()
    files = [SourceFile(name, None, text.encode()) for name, text in texts.items()]

    async def first(knowledge: Knowledge, question: str) -> str:
        found = await knowledge.retrieve(user.id, "default", question, 4)
        return found[0].document if found else ""

    async with open_knowledge(tmp_path / "knowledge", Settings.model_fields["embedder"].default, database) as knowledge:
        await knowledge.ingest(user.id, "default", files)
        wrong = [each for each in lookups if await first(knowledge, each.question) != each.document]

    assert len(lookups) == 30
    assert len({each.language for each in lookups}) == 10
    assert len(wrong) <= len(lookups) - LEAST_FIRST, wrong
