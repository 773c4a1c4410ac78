"""Documents and their passages: the source of the search indexes."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dynavera.contracts.documents import CollectionSummary, Document, Passage
from dynavera.contracts.pages import Page
from dynavera.records.change_log import latest_revision, lock_change_numbers
from dynavera.records.collection_writer import CollectionWriter
from dynavera.records.cursors import BadCursor, cursor_id, cursor_of
from dynavera.records.database import Database
from dynavera.records.document_rows import MAX_PARAMETERS, document_of, documents, in_collection, passage_of
from dynavera.records.filters import contains
from dynavera.records.new_documents import FileIdentity, NewDocument
from dynavera.records.tables import DocumentChangeRow, DocumentRow, PassageRow


class DocumentNotFound(Exception):
    """The user has no such document."""


@dataclass(frozen=True)
class LocatedPassage:
    """A passage, its document's name, and the latest revision when it was read."""

    passage: Passage
    document: str
    revision: int


@dataclass(frozen=True)
class Totals:
    """The size of the knowledge base, of all users."""

    documents: int
    passages: int


@dataclass(frozen=True)
class DocumentRecords:
    """All queries on documents and passages. Each call sees one user's."""

    database: Database

    async def put(self, user_id: UUID, collection: str, new: Sequence[NewDocument]) -> list[Document]:
        """Store documents in order, all or none, and return them.

        A document of the same name in the collection is replaced and keeps its id. A file whose content is already
        stored is not stored again: the existing document is returned.
        """
        async with self.database.writing() as session:
            await lock_change_numbers(session)
            writer = await CollectionWriter.of(session, user_id, collection, [each.identity for each in new])
            stored = [writer.repeated(each.identity) or writer.put(each) for each in new]
            await writer.store(session)
        return stored

    async def repeated(self, user_id: UUID, collection: str, files: Sequence[FileIdentity]) -> list[Document | None]:
        """For each file, the document that has its content already, or None, as if they were stored in order."""
        async with self.database.reading() as session:
            writer = await CollectionWriter.of(session, user_id, collection, files)
        return [writer.repeated(file) or writer.forget(file) for file in files]

    async def delete(self, user_id: UUID, document_id: UUID) -> None:
        """Delete a document and its passages.

        Raises:
            DocumentNotFound: the user has no such document.
        """
        async with self.database.writing() as session:
            await lock_change_numbers(session)
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
        """The text of a document.

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
        """The user's documents, newest first, of one collection or all. With `q`, only those whose name contains it.

        Raises:
            BadCursor: `cursor` is not from an earlier page.
        """
        query = documents().where(DocumentRow.user_id == user_id)
        if collection is not None:
            query = query.where(DocumentRow.collection == collection)
        if q is not None:
            query = query.where(contains(DocumentRow.name, q))
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
        """The passages of a document, in order. With `sha256`, only those whose text has this hash.

        Raises:
            DocumentNotFound: the user has no such document.
            BadCursor: `cursor` is not from an earlier page.
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
        """Whether the user has a document in the collection."""
        async with self.database.reading() as session:
            found = await session.scalar(select(DocumentRow.id).where(*in_collection(user_id, collection)).limit(1))
        return found is not None

    async def has_names(self, user_id: UUID, collection: str, names: Sequence[str]) -> bool:
        """Whether the user has a document with one of `names` in the collection."""
        async with self.database.reading() as session:
            for start in range(0, len(names), MAX_PARAMETERS):
                named = DocumentRow.name.in_(names[start : start + MAX_PARAMETERS])
                query = select(DocumentRow.id).where(*in_collection(user_id, collection), named).limit(1)
                if await session.scalar(query) is not None:
                    return True
        return False

    async def located(self, user_id: UUID, collection: str, passage_ids: Sequence[UUID]) -> dict[UUID, LocatedPassage]:
        """The passages that the user still has in the collection, by id."""
        # Every search runs this query. Building the statement each time took a quarter of a search.
        given = {"user_id": user_id, "collection": collection, "passage_ids": passage_ids[:MAX_PARAMETERS]}
        async with self.database.reading() as session:
            rows = (await session.execute(_LOCATED, given)).all()
        return {row.id: LocatedPassage(passage_of(row), name, revision) for row, name, revision in rows}

    async def totals(self) -> Totals:
        """The number of documents and passages of all users."""
        query = select(func.count(DocumentRow.id), func.coalesce(func.sum(DocumentRow.passages), 0))
        async with self.database.reading() as session:
            documents, passages = (await session.execute(query)).one()
        return Totals(documents=documents, passages=passages)


async def _position(session: AsyncSession, document_id: UUID, cursor: str) -> int:
    position = await session.scalar(
        select(PassageRow.position).where(PassageRow.id == cursor_id(cursor), PassageRow.document_id == document_id)
    )
    if position is None:
        raise BadCursor("The document was replaced after the previous page. Start again without a cursor.")
    return position


def _not_found(document_id: UUID) -> DocumentNotFound:
    return DocumentNotFound(f"There is no document {str(document_id)!r}.")


_LOCATED = (
    select(PassageRow, DocumentRow.name, latest_revision().scalar_subquery())
    .join(DocumentRow, DocumentRow.id == PassageRow.document_id)
    .where(
        *in_collection(bindparam("user_id"), bindparam("collection")),
        PassageRow.id.in_(bindparam("passage_ids", expanding=True)),
    )
)
