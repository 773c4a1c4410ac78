"""Documents and their passages: the truth that the search indexes are derived from."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from dynavera.contracts.contract import utc_now
from dynavera.contracts.documents import Document, Passage
from dynavera.contracts.pages import Page
from dynavera.identifiers import new_id
from dynavera.records.cursors import BadCursor, cursor_id, cursor_of
from dynavera.records.database import Database
from dynavera.records.tables import DocumentChangeRow, DocumentRow, PassageRow

CHANGE_LOCK = 0x446F6373
"""The PostgreSQL advisory lock under which changes are numbered, so that they commit in order: "Docs" in ASCII."""

MOST_PARAMETERS = 500
"""How many values one statement is given at most: SQLite takes 32,766, and older ones 999."""


class DocumentNotFound(Exception):
    """The user has no such document."""


@dataclass(frozen=True)
class NewPassage:
    """A passage of a document that is about to be stored."""

    heading: str
    start: int
    end: int
    text: str
    sha256: str


@dataclass(frozen=True)
class NewDocument:
    """A document that is about to be stored, with its passages in order."""

    collection: str
    name: str
    media_type: str
    bytes: int
    sha256: str
    text: str
    passages: Sequence[NewPassage]


@dataclass(frozen=True)
class DocumentChange:
    """That a document was added, replaced or deleted."""

    revision: int
    user_id: UUID
    collection: str
    document_id: UUID


@dataclass(frozen=True)
class IndexedPassage:
    """What the indexes are given of a passage."""

    id: UUID
    heading: str
    text: str


@dataclass(frozen=True)
class PlacedPassage:
    """A passage and the name of its document."""

    passage: Passage
    document: str


@dataclass(frozen=True)
class Totals:
    """How much the knowledge base holds, of all users."""

    documents: int
    passages: int


@dataclass(frozen=True)
class DocumentRecords:
    """Every statement on documents, passages and their changes; each belongs to a user."""

    database: Database

    async def put(self, user_id: UUID, new: NewDocument) -> Document:
        """Store a document; one of the same name in the same collection is replaced, and keeps its id."""
        async with self.database.writing() as session:
            await _numbered_in_order(session)
            row = await session.scalar(_named(user_id, new.collection, new.name))
            if row is None:
                row = DocumentRow(id=new_id(), user_id=user_id, collection=new.collection, name=new.name)
                session.add(row)
            else:
                await session.execute(delete(PassageRow).where(PassageRow.document_id == row.id))
            row.media_type = new.media_type
            row.bytes = new.bytes
            row.sha256 = new.sha256
            row.text = new.text
            row.passages = len(new.passages)
            row.created_at = utc_now()
            await session.flush()
            session.add_all(_passage_rows(row.id, new.passages))
            session.add(DocumentChangeRow(user_id=user_id, collection=new.collection, document_id=row.id))
            return _document(row)

    async def same(self, user_id: UUID, new: NewDocument) -> Document | None:
        """A document of the collection that `new` would only repeat.

        It is the one of the same name if there is one, for that would be replaced; otherwise any with the same file.
        """
        async with self.database.reading() as session:
            row = await session.scalar(_named(user_id, new.collection, new.name))
            if row is None:
                row = await session.scalar(
                    _documents()
                    .where(*_in(user_id, new.collection), DocumentRow.sha256 == new.sha256)
                    .order_by(DocumentRow.id)
                    .limit(1)
                )
        repeats = row is not None and (row.sha256, row.media_type) == (new.sha256, new.media_type)
        return _document(row) if row is not None and repeats else None

    async def delete(self, user_id: UUID, document_id: UUID) -> None:
        """Delete a document with its passages.

        Raises:
            DocumentNotFound: the user has no such document.
        """
        async with self.database.writing() as session:
            await _numbered_in_order(session)
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
            row = await session.scalar(
                _documents().where(DocumentRow.id == document_id, DocumentRow.user_id == user_id)
            )
        if row is None:
            raise _not_found(document_id)
        return _document(row)

    async def page(self, user_id: UUID, collection: str | None, limit: int, cursor: str | None) -> Page[Document]:
        """The user's documents, newest id first; of one collection, or of all.

        Raises:
            BadCursor: `cursor` was not given out by an earlier page.
        """
        query = _documents().where(DocumentRow.user_id == user_id)
        if collection is not None:
            query = query.where(DocumentRow.collection == collection)
        if cursor is not None:
            query = query.where(DocumentRow.id < cursor_id(cursor))
        async with self.database.reading() as session:
            rows = list(await session.scalars(query.order_by(DocumentRow.id.desc()).limit(limit + 1)))
        more = len(rows) > limit
        return Page(
            items=[_document(row) for row in rows[:limit]],
            next_cursor=cursor_of(rows[limit - 1].id) if more else None,
        )

    async def passages(self, user_id: UUID, document_id: UUID, limit: int, cursor: str | None) -> Page[Passage]:
        """The passages of a document, in its order.

        Raises:
            DocumentNotFound: the user has no such document.
            BadCursor: `cursor` was not given out by an earlier page.
        """
        await self.get(user_id, document_id)
        query = select(PassageRow).where(PassageRow.document_id == document_id)
        async with self.database.reading() as session:
            if cursor is not None:
                query = query.where(PassageRow.position > await _position(session, document_id, cursor))
            rows = list(await session.scalars(query.order_by(PassageRow.position).limit(limit + 1)))
        more = len(rows) > limit
        return Page(
            items=[_passage(row) for row in rows[:limit]],
            next_cursor=cursor_of(rows[limit - 1].id) if more else None,
        )

    async def has_collection(self, user_id: UUID, collection: str) -> bool:
        """Whether any document of the user is in the collection."""
        async with self.database.reading() as session:
            found = await session.scalar(select(DocumentRow.id).where(*_in(user_id, collection)).limit(1))
        return found is not None

    async def placed(self, user_id: UUID, collection: str, passage_ids: Sequence[UUID]) -> dict[UUID, PlacedPassage]:
        """Those of the passages that the user still has in the collection, by their ids."""
        query = (
            select(PassageRow, DocumentRow.name)
            .join(DocumentRow, DocumentRow.id == PassageRow.document_id)
            .where(*_in(user_id, collection), PassageRow.id.in_(passage_ids[:MOST_PARAMETERS]))
        )
        async with self.database.reading() as session:
            rows = (await session.execute(query)).all()
        return {row.id: PlacedPassage(_passage(row), name) for row, name in rows}

    async def totals(self) -> Totals:
        """How much there is, of all users."""
        query = select(func.count(DocumentRow.id), func.coalesce(func.sum(DocumentRow.passages), 0))
        async with self.database.reading() as session:
            documents, passages = (await session.execute(query)).one()
        return Totals(documents=documents, passages=passages)

    async def last_revision(self) -> int:
        """The number of the latest change; 0 when nothing has changed yet."""
        async with self.database.reading() as session:
            return await session.scalar(select(func.max(DocumentChangeRow.revision))) or 0

    async def changes(self, after: int, limit: int) -> list[DocumentChange]:
        """The changes after revision `after`, in order."""
        query = (
            select(DocumentChangeRow)
            .where(DocumentChangeRow.revision > after)
            .order_by(DocumentChangeRow.revision)
            .limit(limit)
        )
        async with self.database.reading() as session:
            rows = await session.scalars(query)
            return [DocumentChange(row.revision, row.user_id, row.collection, row.document_id) for row in rows]

    async def indexed(self, document_id: UUID) -> list[IndexedPassage]:
        """What there is to index of a document now; nothing when it is deleted."""
        query = (
            select(PassageRow.id, PassageRow.heading, PassageRow.text)
            .where(PassageRow.document_id == document_id)
            .order_by(PassageRow.position)
        )
        async with self.database.reading() as session:
            return [IndexedPassage(*row) for row in await session.execute(query)]


def _documents() -> Select[DocumentRow]:
    # A document's text can be megabytes, and nothing here reads it back.
    return select(DocumentRow).options(defer(DocumentRow.text))


def _in(user_id: UUID, collection: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return DocumentRow.user_id == user_id, DocumentRow.collection == collection


def _named(user_id: UUID, collection: str, name: str) -> Select[DocumentRow]:
    return _documents().where(*_in(user_id, collection), DocumentRow.name == name)


async def _position(session: AsyncSession, document_id: UUID, cursor: str) -> int:
    position = await session.scalar(
        select(PassageRow.position).where(PassageRow.id == cursor_id(cursor), PassageRow.document_id == document_id)
    )
    if position is None:
        raise BadCursor("The document has been replaced since the page before. Start again without a cursor.")
    return position


def _not_found(document_id: UUID) -> DocumentNotFound:
    return DocumentNotFound(f"There is no document {str(document_id)!r}.")


async def _numbered_in_order(session: AsyncSession) -> None:
    # A later revision must not be seen before an earlier one: who has caught up to it would never see the other.
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CHANGE_LOCK})


def _passage_rows(document_id: UUID, passages: Sequence[NewPassage]) -> list[PassageRow]:
    return [
        PassageRow(
            id=new_id(),
            document_id=document_id,
            position=position,
            heading=passage.heading,
            start=passage.start,
            end=passage.end,
            text=passage.text,
            sha256=passage.sha256,
        )
        for position, passage in enumerate(passages)
    ]


def _document(row: DocumentRow) -> Document:
    return Document(
        id=row.id,
        name=row.name,
        collection=row.collection,
        media_type=row.media_type,
        bytes=row.bytes,
        sha256=row.sha256,
        passages=row.passages,
        created_at=row.created_at,
    )


def _passage(row: PassageRow) -> Passage:
    return Passage(
        passage_id=row.id,
        document_id=row.document_id,
        position=row.position,
        heading=row.heading,
        start=row.start,
        end=row.end,
        text=row.text,
        sha256=row.sha256,
    )
