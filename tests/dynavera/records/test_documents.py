"""Documents, passages and their changes in the database."""

import hashlib
from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import UUID

import pytest

from dynavera.records.cursors import BadCursor
from dynavera.records.database import Database
from dynavera.records.documents import DocumentNotFound, DocumentRecords, NewDocument, NewPassage
from dynavera.records.migrate import migrate
from dynavera.records.users import Users


class Shelf:
    """The documents of two users."""

    def __init__(self, records: DocumentRecords, mine: UUID, theirs: UUID) -> None:
        self.records = records
        self.mine = mine
        self.theirs = theirs


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncGenerator[Shelf]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite3'}")
    await migrate(database)
    users = Users(database)
    yield Shelf(DocumentRecords(database), (await users.ensure_first("key")).id, (await users.add("other")).id)
    await database.close()


def document(name: str, *texts: str, collection: str = "default") -> NewDocument:
    whole = "".join(texts)
    sha256 = hashlib.sha256(whole.encode()).hexdigest()
    passages = [NewPassage("", 0, len(text), text, hashlib.sha256(text.encode()).hexdigest()) for text in texts]
    return NewDocument(collection, name, "text/plain", len(whole), sha256, whole, passages)


async def test_every_change_is_numbered_in_order(shelf: Shelf) -> None:
    a = await shelf.records.put(shelf.mine, document("a", "one"))
    b = await shelf.records.put(shelf.theirs, document("b", "two", collection="other"))
    await shelf.records.put(shelf.mine, document("a", "three"))
    await shelf.records.delete(shelf.theirs, b.id)

    changes = await shelf.records.changes(0, 10)

    assert [change.revision for change in changes] == [1, 2, 3, 4]
    assert [change.document_id for change in changes] == [a.id, b.id, a.id, b.id]
    assert changes[1].collection == changes[3].collection == "other"
    assert await shelf.records.last_revision() == 4
    assert await shelf.records.changes(3, 10) == changes[3:]


async def test_a_replaced_document_keeps_its_id_and_none_of_its_passages(shelf: Shelf) -> None:
    first = await shelf.records.put(shelf.mine, document("a", "one", "two"))
    old = await shelf.records.indexed(first.id)

    second = await shelf.records.put(shelf.mine, document("a", "three"))

    assert second.id == first.id
    assert second.passages == 1
    assert [passage.text for passage in await shelf.records.indexed(first.id)] == ["three"]
    assert await shelf.records.placed(shelf.mine, "default", [passage.id for passage in old]) == {}


async def test_a_change_that_fails_leaves_nothing(shelf: Shelf) -> None:
    with pytest.raises(DocumentNotFound):
        await shelf.records.delete(shelf.mine, UUID(int=1))

    assert await shelf.records.last_revision() == 0


async def test_what_is_anothers_is_not_there(shelf: Shelf) -> None:
    theirs = await shelf.records.put(shelf.theirs, document("a", "one"))
    passages = [passage.id for passage in await shelf.records.indexed(theirs.id)]

    for call in (shelf.records.get, shelf.records.delete):
        with pytest.raises(DocumentNotFound):
            await call(shelf.mine, theirs.id)
    with pytest.raises(DocumentNotFound):
        await shelf.records.passages(shelf.mine, theirs.id, 10, None)
    assert await shelf.records.placed(shelf.mine, "default", passages) == {}
    assert (await shelf.records.page(shelf.mine, None, 10, None)).items == []
    assert await shelf.records.same(shelf.mine, document("a", "one")) is None
    assert not await shelf.records.has_collection(shelf.mine, "default")


async def test_bad_cursors_are_refused(shelf: Shelf) -> None:
    mine = await shelf.records.put(shelf.mine, document("a", "one"))

    with pytest.raises(BadCursor):
        await shelf.records.page(shelf.mine, None, 10, "nonsense")
    with pytest.raises(BadCursor):
        await shelf.records.passages(shelf.mine, mine.id, 10, "nonsense")


async def test_totals_count_what_all_have(shelf: Shelf) -> None:
    await shelf.records.put(shelf.mine, document("a", "one", "two"))
    await shelf.records.put(shelf.theirs, document("a", "three"))

    totals = await shelf.records.totals()

    assert (totals.documents, totals.passages) == (2, 3)
