"""Documents, passages and their changes in the database."""

import hashlib
from uuid import UUID

import pytest

from dynavera.contracts.documents import Document
from dynavera.records.change_log import ChangeLog, Changes, IndexedPassage
from dynavera.records.cursors import BadCursor
from dynavera.records.database import Database
from dynavera.records.documents import DocumentNotFound, DocumentRecords
from dynavera.records.new_documents import FileIdentity, NewDocument, NewPassage
from dynavera.records.users import Users
from tests.owner import create_owner


class KnowledgeBase:
    """The documents of two users."""

    def __init__(self, database: Database, mine: UUID, theirs: UUID) -> None:
        self.records = DocumentRecords(database)
        self.changes = ChangeLog(database)
        self.mine = mine
        self.theirs = theirs

    async def put(self, user_id: UUID, new: NewDocument, collection: str = "default") -> Document:
        """Store one document."""
        [document] = await self.records.put(user_id, collection, [new])
        return document

    async def changed(self, most_passages: int = 1000, after: int = 0) -> Changes:
        return await self.changes.after(after, most_passages=most_passages)

    async def passages(self, document_id: UUID) -> list[IndexedPassage]:
        """The passages of the document in the change log."""
        changes = await self.changed()
        return [each for found in changes.documents if found.document_id == document_id for each in found.passages]


@pytest.fixture
async def base(database: Database) -> KnowledgeBase:
    return KnowledgeBase(database, (await create_owner(database)).id, (await Users(database).add("other")).id)


def document(name: str, *texts: str, media_type: str = "text/plain") -> NewDocument:
    whole = "".join(texts)
    sha256 = hashlib.sha256(whole.encode()).hexdigest()
    passages = [NewPassage("", 0, len(text), text, hashlib.sha256(text.encode()).hexdigest()) for text in texts]
    return NewDocument(name, media_type, len(whole), sha256, whole, passages)


async def test_every_change_is_numbered_and_listed_once(base: KnowledgeBase) -> None:
    a = await base.put(base.mine, document("a", "one"))
    b = await base.put(base.theirs, document("b", "two"), "other")
    await base.put(base.mine, document("a", "three"))
    await base.records.delete(base.theirs, b.id)

    changes = await base.changed()

    assert changes.revision == await base.changes.last_revision() == 4
    changed = {each.document_id: [passage.text for passage in each.passages] for each in changes.documents}
    assert changed == {a.id: ["three"], b.id: []}
    assert {each.scope.collection for each in changes.documents} == {"default", "other"}
    assert (await base.changed(after=4)).documents == []


async def test_changes_are_paged_by_their_number_of_passages(base: KnowledgeBase) -> None:
    new = [document(name, *(f"{name}{number}" for number in range(3))) for name in "abc"]
    stored = await base.records.put(base.mine, "default", new)

    parts = [await base.changed(most_passages=6), await base.changed(most_passages=1)]
    rest = await base.changed(most_passages=6, after=parts[0].revision)

    changed = [[each.document_id for each in part.documents] for part in (*parts, rest)]
    assert changed == [[stored[0].id, stored[1].id], [stored[0].id], [stored[2].id]]


async def test_a_replaced_document_keeps_its_id_but_none_of_its_passages(base: KnowledgeBase) -> None:
    first = await base.put(base.mine, document("a", "one", "two"))
    old = await base.passages(first.id)

    second = await base.put(base.mine, document("a", "three"))

    assert second.id == first.id
    assert second.passages == 1
    assert [passage.text for passage in await base.passages(first.id)] == ["three"]
    assert await base.records.located(base.mine, "default", [passage.id for passage in old]) == {}


async def test_documents_stored_together_are_applied_in_order(base: KnowledgeBase) -> None:
    await base.put(base.mine, document("a", "x"))

    stored = await base.records.put(
        base.mine, "default", [document("a", "y"), document("b", "x"), document("c", "x"), document("b", "z")]
    )

    assert stored[2].id == stored[1].id == stored[3].id
    kept = (await base.records.page(base.mine, "default", 10, None)).items
    assert {each.name: each.sha256 for each in kept} == {
        "a": document("a", "y").sha256,
        "b": document("b", "z").sha256,
    }
    assert [passage.text for passage in await base.passages(stored[1].id)] == ["z"]


async def test_repeated_files_are_recognized_before_they_are_read(base: KnowledgeBase) -> None:
    a = await base.put(base.mine, document("a", "x"))
    files = [document("a", "x"), document("copy", "x"), document("a", "y"), document("b", "x"), document("a", "x")]

    known = await base.records.repeated(base.mine, "default", [each.identity for each in files])

    # The third file changes "a", so the result is unknown for it and all that follow.
    assert known == [a, a, None, None, None]


async def test_the_same_bytes_with_another_media_type_are_not_repeated(base: KnowledgeBase) -> None:
    await base.put(base.mine, document("a.txt", "x"))

    [known] = await base.records.repeated(
        base.mine, "default", [FileIdentity("a.md", "text/markdown", document("", "x").sha256)]
    )

    assert known is None


async def test_collections_are_counted_per_user(base: KnowledgeBase) -> None:
    await base.put(base.mine, document("a", "one", "two"), "papers")
    await base.put(base.mine, document("b", "three"), "papers")
    await base.put(base.mine, document("c", "four"))
    await base.put(base.theirs, document("d", "five"), "theirs")

    counted = await base.records.collections(base.mine)

    assert [(each.name, each.documents, each.passages) for each in counted] == [("default", 1, 1), ("papers", 2, 3)]


async def test_a_failed_change_has_no_effect(base: KnowledgeBase) -> None:
    with pytest.raises(DocumentNotFound):
        await base.records.delete(base.mine, UUID(int=1))

    assert await base.changes.last_revision() == 0


async def test_documents_of_another_user_are_not_found(base: KnowledgeBase) -> None:
    theirs = await base.put(base.theirs, document("a", "one"))
    passages = [passage.id for passage in await base.passages(theirs.id)]

    for call in (base.records.get, base.records.delete):
        with pytest.raises(DocumentNotFound):
            await call(base.mine, theirs.id)
    with pytest.raises(DocumentNotFound):
        await base.records.passages(base.mine, theirs.id, 10, None)
    assert await base.records.located(base.mine, "default", passages) == {}
    assert (await base.records.page(base.mine, None, 10, None)).items == []
    assert await base.records.repeated(base.mine, "default", [document("a", "one").identity]) == [None]
    assert await base.records.collections(base.mine) == []
    assert not await base.records.has_collection(base.mine, "default")


async def test_invalid_cursors_are_refused(base: KnowledgeBase) -> None:
    mine = await base.put(base.mine, document("a", "one"))

    with pytest.raises(BadCursor):
        await base.records.page(base.mine, None, 10, "nonsense")
    with pytest.raises(BadCursor):
        await base.records.passages(base.mine, mine.id, 10, "nonsense")


async def test_totals_count_the_documents_of_all_users(base: KnowledgeBase) -> None:
    await base.put(base.mine, document("a", "one", "two"))
    await base.put(base.theirs, document("a", "three"))

    totals = await base.records.totals()

    assert (totals.documents, totals.passages) == (2, 3)


async def test_names_are_found_with_composed_and_decomposed_letters(base: KnowledgeBase) -> None:
    composed, decomposed = "Größe.md", "Gro\u0308ße.md"
    await base.put(base.mine, document(composed, "one"))
    await base.put(base.mine, document(decomposed, "two"))

    pages = [await base.records.page(base.mine, None, 10, None, q=q) for q in ("größe", "gro\u0308ße")]

    assert [{found.name for found in page.items} for page in pages] == [{composed, decomposed}] * 2
