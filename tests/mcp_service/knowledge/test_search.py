"""Search with real indexes and real records."""

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
    """A user who ingests texts and searches."""

    def __init__(self, knowledge: Knowledge, user_id: UUID) -> None:
        self._knowledge = knowledge
        self._user_id = user_id

    async def ingest(self, collection: str = "default", **texts: str) -> None:
        files = [SourceFile(f"{name}.md", None, text.encode()) for name, text in texts.items()]
        await self._knowledge.ingest(self._user_id, collection, files)

    async def search(self, query: str, top_k: int = 4, collection: str = "default") -> list[FoundPassage]:
        return await self._knowledge.retrieve(self._user_id, collection, query, top_k)


@pytest.fixture
async def owner(tmp_path: Path) -> AsyncGenerator[Owner]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    await migrate(database)
    user = await create_owner(database, "key")
    async with open_knowledge(tmp_path / "knowledge", "wordllama", database) as knowledge:
        yield Owner(knowledge, user.id)
    await database.close()


async def test_a_match_by_meaning_and_words_ranks_first(owner: Owner) -> None:
    await owner.ingest(
        oxygen="The brain uses oxygen.", lungs="The lungs ingest oxygen in.", trains="A train leaves at noon."
    )

    found = await owner.search("How does the brain use oxygen?")

    assert found[0].document == "oxygen.md"
    assert found[0].score == pytest.approx(1)
    assert (found[0].vector_rank, found[0].bm25_rank) == (1, 1)
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)
    assert all(0 <= passage.score <= 1 for passage in found)


async def test_a_code_ranks_before_its_parts(owner: Owner) -> None:
    neighbours = {f"n{number}": f"Sheet 117 of the pump series BX, pump number {number}." for number in range(30)}
    await owner.ingest(valve="The valve BX-117 sits in cabinet three.", **neighbours)

    by_code = await owner.search("BX-117")
    by_question = await owner.search("Where is the pump BX-117?")

    assert by_code[0].document == by_question[0].document == "valve.md"
    assert by_question[0].score > 0.5 > by_question[1].score


async def test_reference_sections_rank_lower(owner: Owner) -> None:
    await owner.ingest(optodes=OPTODES)

    found = await owner.search("optode spacing")
    first = await owner.search("optode spacing", top_k=1)

    assert [passage.heading for passage in found] == ["Optodes › Spacing", "Optodes › References"]
    assert [passage.heading for passage in first] == ["Optodes › Spacing"]


async def test_a_search_returns_top_k_passages(owner: Owner) -> None:
    await owner.ingest(**{f"light{number}": f"Light number {number} shines." for number in range(70)})

    found = await owner.search("light", top_k=50)

    assert len({passage.passage_id for passage in found}) == 50


async def test_an_empty_collection_is_unknown_except_the_default(owner: Owner) -> None:
    await owner.ingest("papers", light="Light shines.")

    assert await owner.search("light") == []
    assert len(await owner.search("light", collection="papers")) == 1
    with pytest.raises(UnknownCollection, match="'paper'"):
        await owner.search("light", collection="paper")


async def test_the_same_text_in_several_documents_takes_one_place(owner: Owner) -> None:
    warning = "## Warning\n\nNever open the pump while it is hot.\n"
    await owner.ingest(
        north=f"# North\n\nThe north pump is red.\n\n{warning}",
        south=f"# South\n\nThe south pump is blue.\n\n{warning}",
        west=f"# West\n\nThe west pump is green.\n\n{warning}",
        east="# East\n\nOpen the hot pump of the east with care.\n",
    )

    found = await owner.search("When may I never open the hot pump?", top_k=2)

    assert len(found) == 2
    assert found[0].text == warning.strip()
    assert sorted([found[0].document, *found[0].also_in]) == ["north.md", "south.md", "west.md"]
    assert (found[1].document, found[1].also_in) == ("east.md", [])


async def test_all_documents_with_a_text_are_named(owner: Owner) -> None:
    await owner.ingest(**{f"copy{n}": f"Never open the hot pump.\n\n## Sheet {n}\n\nOther text." for n in range(12)})

    [found] = await owner.search("When may I never open the hot pump?", top_k=1)

    assert sorted([found.document, *found.also_in]) == sorted(f"copy{n}.md" for n in range(12))
