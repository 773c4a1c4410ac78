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


class Shelf:
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
        """What the indexes are told that the document has."""
        changes = await self.changed()
        return [each for one in changes.documents if one.document_id == document_id for each in one.passages]


@pytest.fixture
async def shelf(database: Database) -> Shelf:
    return Shelf(database, (await create_owner(database)).id, (await Users(database).add("other")).id)


def document(name: str, *texts: str, media_type: str = "text/plain") -> NewDocument:
    whole = "".join(texts)
    sha256 = hashlib.sha256(whole.encode()).hexdigest()
    passages = [NewPassage("", 0, len(text), text, hashlib.sha256(text.encode()).hexdigest()) for text in texts]
    return NewDocument(name, media_type, len(whole), sha256, whole, passages)


async def test_every_change_is_numbered_in_order_and_told_once(shelf: Shelf) -> None:
    a = await shelf.put(shelf.mine, document("a", "one"))
    b = await shelf.put(shelf.theirs, document("b", "two"), "other")
    await shelf.put(shelf.mine, document("a", "three"))
    await shelf.records.delete(shelf.theirs, b.id)

    changes = await shelf.changed()

    assert changes.revision == await shelf.changes.last_revision() == 4
    told = {each.document_id: [passage.text for passage in each.passages] for each in changes.documents}
    assert told == {a.id: ["three"], b.id: []}
    assert {each.scope.collection for each in changes.documents} == {"default", "other"}
    assert (await shelf.changed(after=4)).documents == []


async def test_changes_come_in_parts_of_so_many_passages(shelf: Shelf) -> None:
    new = [document(name, *(f"{name}{number}" for number in range(3))) for name in "abc"]
    stored = await shelf.records.put(shelf.mine, "default", new)

    parts = [await shelf.changed(most_passages=6), await shelf.changed(most_passages=1)]
    rest = await shelf.changed(most_passages=6, after=parts[0].revision)

    told = [[each.document_id for each in part.documents] for part in (*parts, rest)]
    assert told == [[stored[0].id, stored[1].id], [stored[0].id], [stored[2].id]]


async def test_a_replaced_document_keeps_its_id_and_none_of_its_passages(shelf: Shelf) -> None:
    first = await shelf.put(shelf.mine, document("a", "one", "two"))
    old = await shelf.passages(first.id)

    second = await shelf.put(shelf.mine, document("a", "three"))

    assert second.id == first.id
    assert second.passages == 1
    assert [passage.text for passage in await shelf.passages(first.id)] == ["three"]
    assert await shelf.records.placed(shelf.mine, "default", [passage.id for passage in old]) == {}


async def test_documents_that_are_stored_together_follow_each_other(shelf: Shelf) -> None:
    await shelf.put(shelf.mine, document("a", "x"))

    stored = await shelf.records.put(
        shelf.mine, "default", [document("a", "y"), document("b", "x"), document("c", "x"), document("b", "z")]
    )

    assert stored[2].id == stored[1].id == stored[3].id
    kept = (await shelf.records.page(shelf.mine, "default", 10, None)).items
    assert {each.name: each.sha256 for each in kept} == {
        "a": document("a", "y").sha256,
        "b": document("b", "z").sha256,
    }
    assert [passage.text for passage in await shelf.passages(stored[1].id)] == ["z"]


async def test_what_would_be_repeated_is_known_before_anything_is_read(shelf: Shelf) -> None:
    a = await shelf.put(shelf.mine, document("a", "x"))
    asked = [document("a", "x"), document("copy", "x"), document("a", "y"), document("b", "x"), document("a", "x")]

    known = await shelf.records.repeated(shelf.mine, "default", [each.identity for each in asked])

    # From the third on "a" will be another one, so that nothing is said of what follows.
    assert known == [a, a, None, None, None]


async def test_the_same_bytes_of_another_kind_repeat_nothing(shelf: Shelf) -> None:
    await shelf.put(shelf.mine, document("a.txt", "x"))

    [known] = await shelf.records.repeated(
        shelf.mine, "default", [FileIdentity("a.md", "text/markdown", document("", "x").sha256)]
    )

    assert known is None


async def test_collections_are_counted_for_each_user(shelf: Shelf) -> None:
    await shelf.put(shelf.mine, document("a", "one", "two"), "papers")
    await shelf.put(shelf.mine, document("b", "three"), "papers")
    await shelf.put(shelf.mine, document("c", "four"))
    await shelf.put(shelf.theirs, document("d", "five"), "theirs")

    counted = await shelf.records.collections(shelf.mine)

    assert [(each.name, each.documents, each.passages) for each in counted] == [("default", 1, 1), ("papers", 2, 3)]


async def test_a_change_that_fails_leaves_nothing(shelf: Shelf) -> None:
    with pytest.raises(DocumentNotFound):
        await shelf.records.delete(shelf.mine, UUID(int=1))

    assert await shelf.changes.last_revision() == 0


async def test_what_is_anothers_is_not_there(shelf: Shelf) -> None:
    theirs = await shelf.put(shelf.theirs, document("a", "one"))
    passages = [passage.id for passage in await shelf.passages(theirs.id)]

    for call in (shelf.records.get, shelf.records.delete):
        with pytest.raises(DocumentNotFound):
            await call(shelf.mine, theirs.id)
    with pytest.raises(DocumentNotFound):
        await shelf.records.passages(shelf.mine, theirs.id, 10, None)
    assert await shelf.records.placed(shelf.mine, "default", passages) == {}
    assert (await shelf.records.page(shelf.mine, None, 10, None)).items == []
    assert await shelf.records.repeated(shelf.mine, "default", [document("a", "one").identity]) == [None]
    assert await shelf.records.collections(shelf.mine) == []
    assert not await shelf.records.has_collection(shelf.mine, "default")


async def test_bad_cursors_are_refused(shelf: Shelf) -> None:
    mine = await shelf.put(shelf.mine, document("a", "one"))

    with pytest.raises(BadCursor):
        await shelf.records.page(shelf.mine, None, 10, "nonsense")
    with pytest.raises(BadCursor):
        await shelf.records.passages(shelf.mine, mine.id, 10, "nonsense")


async def test_totals_count_what_all_have(shelf: Shelf) -> None:
    await shelf.put(shelf.mine, document("a", "one", "two"))
    await shelf.put(shelf.theirs, document("a", "three"))

    totals = await shelf.records.totals()

    assert (totals.documents, totals.passages) == (2, 3)
