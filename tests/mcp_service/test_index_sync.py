"""The indexes stay in sync with the records."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from dynavera.contracts.documents import Document
from dynavera.records.change_log import ChangeLog, CurrentDocument, IndexedPassage, Scope
from dynavera.records.database import Database
from dynavera.records.documents import DocumentRecords
from dynavera.records.migrate import migrate
from dynavera.records.new_documents import NewDocument, NewPassage
from mcp_service.knowledge.indexing import Rebuilding
from mcp_service.knowledge.ingestion import SourceFile
from mcp_service.knowledge.knowledge import Knowledge, KnowledgeInUse, open_knowledge
from mcp_service.limits import ServiceLimits
from tests.owner import create_owner

PATIENCE_SECONDS = 30


class Records:
    """Writes documents without updating the indexes, like a process that is killed after its commit."""

    def __init__(self, database: Database, user_id: UUID) -> None:
        self.database = database
        self.documents = DocumentRecords(database)
        self.user_id = user_id

    async def put(self, name: str, *texts: str) -> Document:
        passages = [NewPassage("", 0, len(text), text, hashlib.sha256(text.encode()).hexdigest()) for text in texts]
        whole = "".join(texts)
        sha256 = hashlib.sha256(whole.encode()).hexdigest()
        new = NewDocument(name, "text/plain", len(whole), sha256, whole, passages)
        [document] = await self.documents.put(self.user_id, "default", [new])
        return document

    async def ingest(self, knowledge: Knowledge, name: str, text: str) -> Document:
        """Ingest a file like the service, and return its document."""
        [document] = await knowledge.ingest(self.user_id, "default", [SourceFile(name, None, text.encode())])
        assert isinstance(document, Document)
        return document

    async def passages(self) -> list[IndexedPassage]:
        """All passages."""
        changes = await ChangeLog(self.database).after(0, most_passages=1000)
        return [passage for document in changes.documents for passage in document.passages]


@pytest.fixture
async def records(tmp_path: Path) -> AsyncGenerator[Records]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    await migrate(database)
    owner = await create_owner(database, "key")
    yield Records(database, owner.id)
    await database.close()


@asynccontextmanager
async def opened(
    records: Records,
    folder: Path,
    limits: ServiceLimits = ServiceLimits(),  # noqa: B008 -- frozen
) -> AsyncGenerator[Knowledge]:
    async with open_knowledge(folder / "knowledge", "wordllama", records.database, limits) as knowledge:
        yield knowledge


async def found_in_each(knowledge: Knowledge, records: Records, query: str) -> tuple[set[str], set[str]]:
    """The texts that each index finds, checked against the records."""
    scope = Scope(records.user_id, "default")
    names: list[set[str]] = []
    for index in (knowledge.indexes.vectors, knowledge.indexes.bm25):
        ids = [hit.passage_id for hit in index.search(scope, query, 50)]
        located = await records.documents.located(records.user_id, "default", ids)
        assert len(located) == len(ids), "an index names a passage that is gone"
        names.append({place.passage.text for place in located.values()})
    return names[0], names[1]


async def test_documents_written_before_a_crash_are_found_after_it(records: Records, tmp_path: Path) -> None:
    async with opened(records, tmp_path):
        await records.put("a.txt", "Light passes through the skull.")

    async with opened(records, tmp_path) as knowledge:
        found = await found_in_each(knowledge, records, "light skull")

    assert found == ({"Light passes through the skull."}, {"Light passes through the skull."})


async def test_replacements_and_deletions_before_a_crash_are_applied_after_it(records: Records, tmp_path: Path) -> None:
    async with opened(records, tmp_path) as knowledge:
        gone = await records.ingest(knowledge, "gone.txt", "Old light of the brain.")
        await records.ingest(knowledge, "kept.txt", "First light of the brain.")
        await records.documents.delete(records.user_id, gone.id)
        await records.put("kept.txt", "New light of the brain.", "And more light of the brain.")

    async with opened(records, tmp_path) as knowledge:
        vectors, bm25 = await found_in_each(knowledge, records, "light brain")

    assert vectors == bm25 == {"New light of the brain.", "And more light of the brain."}


async def test_an_interrupted_change_is_repeated(records: Records, tmp_path: Path) -> None:
    async with opened(records, tmp_path) as knowledge:
        document = await records.put("a.txt", "Light passes.", "Light returns.")
        passages = await records.passages()
        half = CurrentDocument(Scope(records.user_id, "default"), document.id, passages[:1])
        # As after a kill between the writes of the passages and of the revision.
        knowledge.indexes.vectors.apply([half], 0)
        knowledge.indexes.bm25.apply([half], 0)

    async with opened(records, tmp_path) as knowledge:
        found = await found_in_each(knowledge, records, "light")

    assert found == ({"Light passes.", "Light returns."}, {"Light passes.", "Light returns."})


async def test_indexes_can_be_at_different_revisions(records: Records, tmp_path: Path) -> None:
    async with opened(records, tmp_path) as knowledge:
        await records.ingest(knowledge, "a.txt", "Light passes.")
        knowledge.indexes.bm25.clear()

    async with opened(records, tmp_path) as knowledge:
        found = await found_in_each(knowledge, records, "light")

    assert found == ({"Light passes."}, {"Light passes."})


async def test_lost_indexes_are_rebuilt(records: Records, tmp_path: Path) -> None:
    for number in range(3):
        await records.put(f"{number}.txt", f"Light number {number}.")

    async with opened(records, tmp_path) as knowledge:
        vectors, bm25 = await found_in_each(knowledge, records, "light")

    assert vectors == bm25 == {f"Light number {number}." for number in range(3)}


async def test_indexes_ahead_of_the_records_are_rebuilt(records: Records, tmp_path: Path) -> None:
    async with opened(records, tmp_path) as knowledge:
        stray = CurrentDocument(Scope(records.user_id, "default"), UUID(int=1), [])
        await records.put("a.txt", "Light passes.")
        knowledge.indexes.vectors.apply([stray], 99)
        knowledge.indexes.bm25.apply([stray], 99)

    async with opened(records, tmp_path) as knowledge:
        found = await found_in_each(knowledge, records, "light")

    assert found == ({"Light passes."}, {"Light passes."})


async def test_a_search_sees_what_another_process_has_written(records: Records, tmp_path: Path) -> None:
    async with opened(records, tmp_path) as knowledge:
        await records.put("a.txt", "Light passes.")
        found = await knowledge.retrieve(records.user_id, "default", "light", 4)

    assert [passage.text for passage in found] == ["Light passes."]


async def test_a_second_process_cannot_open_the_indexes(records: Records, tmp_path: Path) -> None:
    async with opened(records, tmp_path):
        with pytest.raises(KnowledgeInUse, match="DYNAVERA_DATA_DIR"):
            async with opened(records, tmp_path, ServiceLimits(lock_wait=timedelta(0))):
                pass


async def test_uploads_and_deletions_are_refused_during_a_rebuild(records: Records, tmp_path: Path) -> None:
    async with opened(records, tmp_path) as knowledge:
        kept = await records.ingest(knowledge, "kept.txt", "Light passes through the skull.")

        knowledge.indexing.rebuild(1)
        with pytest.raises(Rebuilding):
            await records.ingest(knowledge, "new.txt", "Oxygen changes the colour of blood.")
        with pytest.raises(Rebuilding):
            await knowledge.delete(records.user_id, kept.id)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while knowledge.indexing.progress().state == "running":
                await asyncio.sleep(0.01)

        assert knowledge.indexing.progress().state == "done"
        assert [passage.text for passage in await records.passages()] == ["Light passes through the skull."]
        found = await found_in_each(knowledge, records, "skull")
        assert found == ({"Light passes through the skull."}, {"Light passes through the skull."})


async def test_a_search_sees_the_old_or_the_new_version_of_a_replaced_document(
    records: Records, tmp_path: Path
) -> None:
    def price_list(price: int) -> str:
        return "\n\n".join(f"## Article {number}\n\nArticle {number} costs {price} euros." for number in range(400))

    async with opened(records, tmp_path) as knowledge:
        await records.ingest(knowledge, "prices.md", price_list(410))
        versions: list[set[str]] = []

        async def search_until(replaced: asyncio.Event) -> None:
            while not replaced.is_set():
                found = await knowledge.retrieve(records.user_id, "default", "What does article 7 cost?", 4)
                versions.append({price for passage in found for price in ("410", "475") if price in passage.text})

        for price in (475, 410):
            replaced = asyncio.Event()
            searches = [asyncio.create_task(search_until(replaced)) for _ in range(3)]
            await records.ingest(knowledge, "prices.md", price_list(price))
            replaced.set()
            await asyncio.gather(*searches)
        after = await knowledge.retrieve(records.user_id, "default", "What does article 7 cost?", 1)

    assert [versions.count(set()), [each for each in versions if len(each) != 1]] == [0, []]
    assert "410" in after[0].text
