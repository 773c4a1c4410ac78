"""Documents and their passages: the truth that the search indexes are derived from."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dynavera.contracts.documents import CollectionSummary, Document, Passage
from dynavera.contracts.pages import Page
from dynavera.records.change_log import latest_revision, numbered_in_order
from dynavera.records.cursors import BadCursor, cursor_id, cursor_of
from dynavera.records.database import Database
from dynavera.records.document_rows import MOST_PARAMETERS, document_of, documents, in_collection, passage_of
from dynavera.records.new_documents import FileIdentity, NewDocument
from dynavera.records.shelf import Shelf
from dynavera.records.tables import DocumentChangeRow, DocumentRow, PassageRow


class DocumentNotFound(Exception):
    """The user has no such document."""


@dataclass(frozen=True)
class PlacedPassage:
    """A passage, the name of its document, and the latest change of the records when it was looked up."""

    passage: Passage
    document: str
    revision: int


@dataclass(frozen=True)
class Totals:
    """How much the knowledge base holds, of all users."""

    documents: int
    passages: int


@dataclass(frozen=True)
class DocumentRecords:
    """Every statement on documents and passages; each belongs to a user."""

    database: Database

    async def put(self, user_id: UUID, collection: str, new: Sequence[NewDocument]) -> list[Document]:
        """Store documents in their order, all or none; the documents that they are now.

        One of the same name in the collection is replaced, and keeps its id. A file that is there already is not
        stored again: its document is the one of the same name, or any with the same file.
        """
        async with self.database.writing() as session:
            await numbered_in_order(session)
            shelf = await Shelf.of(session, user_id, collection, [each.identity for each in new])
            stored = [shelf.repeated(each.identity) or shelf.put(each) for each in new]
            await shelf.store(session)
        return stored

    async def repeated(self, user_id: UUID, collection: str, files: Sequence[FileIdentity]) -> list[Document | None]:
        """For each file the document that it would only repeat, or None, were they stored in their order."""
        async with self.database.reading() as session:
            shelf = await Shelf.of(session, user_id, collection, files)
        return [shelf.repeated(file) or shelf.pass_over(file) for file in files]

    async def delete(self, user_id: UUID, document_id: UUID) -> None:
        """Delete a document with its passages.

        Raises:
            DocumentNotFound: the user has no such document.
        """
        async with self.database.writing() as session:
            await numbered_in_order(session)
            collection = await session.scalar(
                delete(DocumentRow)
                .where(DocumentRow.id == document_id, DocumentRow.user_id == user_id)
                .returning(DocumentRow.collection)
            )
            if collection is None:
                raise _not_found(document_id)
            session.add(DocumentChangeRow(user_id=user_id, collection=collection, document_id=document_id))

    async def get(self, user_id: UUID, document_id: UUID) -> Document:
        """One document.

        Raises:
            DocumentNotFound: the user has no such document.
        """
        async with self.database.reading() as session:
            row = await session.scalar(documents().where(DocumentRow.id == document_id, DocumentRow.user_id == user_id))
        if row is None:
            raise _not_found(document_id)
        return document_of(row)

    async def text(self, user_id: UUID, document_id: UUID) -> str:
        """What was read from a document.

        Raises:
            DocumentNotFound: the user has no such document.
        """
        query = select(DocumentRow.text).where(DocumentRow.id == document_id, DocumentRow.user_id == user_id)
        async with self.database.reading() as session:
            text = await session.scalar(query)
        if text is None:
            raise _not_found(document_id)
        return text

    async def page(
        self, user_id: UUID, collection: str | None, limit: int, cursor: str | None, q: str | None = None
    ) -> Page[Document]:
        """The user's documents, newest id first; of one collection, or of all; only those whose name holds `q`.

        Raises:
            BadCursor: `cursor` was not given out by an earlier page.
        """
        query = documents().where(DocumentRow.user_id == user_id)
        if collection is not None:
            query = query.where(DocumentRow.collection == collection)
        if q is not None:
            query = query.where(DocumentRow.name.icontains(q, autoescape=True))
        if cursor is not None:
            query = query.where(DocumentRow.id < cursor_id(cursor))
        async with self.database.reading() as session:
            rows = list(await session.scalars(query.order_by(DocumentRow.id.desc()).limit(limit + 1)))
        more = len(rows) > limit
        return Page(
            items=[document_of(row) for row in rows[:limit]],
            next_cursor=cursor_of(rows[limit - 1].id) if more else None,
        )

    async def collections(self, user_id: UUID) -> list[CollectionSummary]:
        """The collections in which the user has documents, by name."""
        query = (
            select(DocumentRow.collection, func.count(DocumentRow.id), func.sum(DocumentRow.passages))
            .where(DocumentRow.user_id == user_id)
            .group_by(DocumentRow.collection)
            .order_by(DocumentRow.collection)
        )
        async with self.database.reading() as session:
            rows = await session.execute(query)
            return [CollectionSummary(name=name, documents=number, passages=size) for name, number, size in rows]

    async def passages(
        self, user_id: UUID, document_id: UUID, limit: int, cursor: str | None, sha256: str | None = None
    ) -> Page[Passage]:
        """The passages of a document, in its order; only those whose text has this `sha256`, if one is given.

        Raises:
            DocumentNotFound: the user has no such document.
            BadCursor: `cursor` was not given out by an earlier page.
        """
        await self.get(user_id, document_id)
        query = select(PassageRow).where(PassageRow.document_id == document_id)
        if sha256 is not None:
            query = query.where(PassageRow.sha256 == sha256)
        async with self.database.reading() as session:
            if cursor is not None:
                query = query.where(PassageRow.position > await _position(session, document_id, cursor))
            rows = list(await session.scalars(query.order_by(PassageRow.position).limit(limit + 1)))
        more = len(rows) > limit
        return Page(
            items=[passage_of(row) for row in rows[:limit]],
            next_cursor=cursor_of(rows[limit - 1].id) if more else None,
        )

    async def has_collection(self, user_id: UUID, collection: str) -> bool:
        """Whether any document of the user is in the collection."""
        async with self.database.reading() as session:
            found = await session.scalar(select(DocumentRow.id).where(*in_collection(user_id, collection)).limit(1))
        return found is not None

    async def placed(self, user_id: UUID, collection: str, passage_ids: Sequence[UUID]) -> dict[UUID, PlacedPassage]:
        """Those of the passages that the user still has in the collection, by their ids."""
        # Each search asks this, and would spend a quarter of its time on putting the statement together.
        given = {"user_id": user_id, "collection": collection, "passage_ids": passage_ids[:MOST_PARAMETERS]}
        async with self.database.reading() as session:
            rows = (await session.execute(_PLACED, given)).all()
        return {row.id: PlacedPassage(passage_of(row), name, revision) for row, name, revision in rows}

    async def totals(self) -> Totals:
        """How much there is, of all users."""
        query = select(func.count(DocumentRow.id), func.coalesce(func.sum(DocumentRow.passages), 0))
        async with self.database.reading() as session:
            documents, passages = (await session.execute(query)).one()
        return Totals(documents=documents, passages=passages)


async def _position(session: AsyncSession, document_id: UUID, cursor: str) -> int:
    position = await session.scalar(
        select(PassageRow.position).where(PassageRow.id == cursor_id(cursor), PassageRow.document_id == document_id)
    )
    if position is None:
        raise BadCursor("The document has been replaced since the page before. Start again without a cursor.")
    return position


def _not_found(document_id: UUID) -> DocumentNotFound:
    return DocumentNotFound(f"There is no document {str(document_id)!r}.")


_PLACED = (
    select(PassageRow, DocumentRow.name, latest_revision().scalar_subquery())
    .join(DocumentRow, DocumentRow.id == PassageRow.document_id)
    .where(
        *in_collection(bindparam("user_id"), bindparam("collection")),
        PassageRow.id.in_(bindparam("passage_ids", expanding=True)),
    )
)
