"""From a question to passages, over real indexes and real records."""

from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import UUID

import pytest

from dynavera.contracts.documents import FoundPassage
from dynavera.records.database import Database
from dynavera.records.migrate import migrate
from mcp_service.knowledge.ingestion import SourceFile
from mcp_service.knowledge.knowledge import Knowledge, UnknownCollection, open_knowledge
from tests.owner import create_owner

OPTODES = """\
# Optodes

## Spacing

An optode spacing of three centimetres lets light reach the cortex; a shorter optode spacing reaches the scalp only.

## References

- Optode spacing, 1997
- Optode spacing of optodes, 2004
"""


class Owner:
    """A user who brings texts and asks."""

    def __init__(self, knowledge: Knowledge, user_id: UUID) -> None:
        self._knowledge = knowledge
        self._user_id = user_id

    async def brings(self, collection: str = "default", **texts: str) -> None:
        files = [SourceFile(f"{name}.md", None, text.encode()) for name, text in texts.items()]
        await self._knowledge.ingest(self._user_id, collection, files)

    async def asks(self, query: str, top_k: int = 4, collection: str = "default") -> list[FoundPassage]:
        return await self._knowledge.retrieve(self._user_id, collection, query, top_k)


@pytest.fixture
async def owner(tmp_path: Path) -> AsyncGenerator[Owner]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    await migrate(database)
    user = await create_owner(database, "key")
    async with open_knowledge(tmp_path / "knowledge", "wordllama", database) as knowledge:
        yield Owner(knowledge, user.id)
    await database.close()


async def test_what_fits_by_meaning_and_by_words_is_worth_most(owner: Owner) -> None:
    await owner.brings(
        oxygen="The brain uses oxygen.", lungs="The lungs ingest oxygen in.", trains="A train leaves at noon."
    )

    found = await owner.asks("How does the brain use oxygen?")

    assert found[0].document == "oxygen.md"
    assert found[0].score == pytest.approx(1)
    assert (found[0].vector_rank, found[0].bm25_rank) == (1, 1)
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)
    assert all(0 <= passage.score <= 1 for passage in found)


async def test_references_come_after_what_says_something(owner: Owner) -> None:
    await owner.brings(optodes=OPTODES)

    found = await owner.asks("optode spacing")
    first = await owner.asks("optode spacing", top_k=1)

    assert [passage.heading for passage in found] == ["Optodes › Spacing", "Optodes › References"]
    assert [passage.heading for passage in first] == ["Optodes › Spacing"]


async def test_one_is_given_as_many_as_one_asks_for_where_there_are_so_many(owner: Owner) -> None:
    await owner.brings(**{f"light{number}": f"Light number {number} shines." for number in range(70)})

    found = await owner.asks("light", top_k=50)

    assert len({passage.passage_id for passage in found}) == 50


async def test_a_collection_that_has_no_documents_is_unknown_unless_it_is_the_default(owner: Owner) -> None:
    await owner.brings("papers", light="Light shines.")

    assert await owner.asks("light") == []
    assert len(await owner.asks("light", collection="papers")) == 1
    with pytest.raises(UnknownCollection, match="'paper'"):
        await owner.asks("light", collection="paper")
