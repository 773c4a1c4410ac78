"""The changes of the knowledge base, in order. The search indexes follow this log."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from dynavera.records.database import Database
from dynavera.records.document_rows import MAX_PARAMETERS
from dynavera.records.tables import DocumentChangeRow, DocumentRow, PassageRow

CHANGE_LOCK = 0x446F6373
"""The PostgreSQL advisory lock under which changes are numbered, so that they commit in order: "Docs" in ASCII."""


@dataclass(frozen=True)
class IndexedPassage:
    """The part of a passage that is indexed."""

    id: UUID
    heading: str
    text: str


@dataclass(frozen=True)
class Scope:
    """A collection of a user. Each is searched and ranked separately."""

    user_id: UUID
    collection: str


@dataclass(frozen=True)
class CurrentDocument:
    """A changed document with its current passages. A deleted one has none."""

    scope: Scope
    document_id: UUID
    passages: Sequence[IndexedPassage]


@dataclass(frozen=True)
class Changes:
    """Changed documents, each once, and the revision of an index that has applied them."""

    documents: Sequence[CurrentDocument]
    revision: int


@dataclass(frozen=True)
class ChangeLog:
    """All queries on the change log."""

    database: Database

    async def last_revision(self) -> int:
        """The number of the latest change; 0 without any."""
        async with self.database.reading() as session:
            return await session.scalar(latest_revision()) or 0

    async def after(self, revision: int, *, most_passages: int) -> Changes:
        """The next changes after `revision`, with about `most_passages` in total; without documents, no more."""
        async with self.database.reading() as session:
            rows = await session.scalars(
                select(DocumentChangeRow)
                .where(DocumentChangeRow.revision > revision)
                .order_by(DocumentChangeRow.revision)
                .limit(MAX_PARAMETERS)
            )
            taken = await _first(session, list(rows), most_passages)
            newest = {row.document_id: row for row in taken}
            passages = await _passages(session, list(newest))
        return Changes(
            documents=[
                CurrentDocument(Scope(row.user_id, row.collection), document_id, passages[document_id])
                for document_id, row in newest.items()
            ],
            revision=taken[-1].revision if taken else revision,
        )

    async def passages_after(self, revision: int) -> int:
        """The passages of the documents that have changed after `revision`."""
        changed = select(DocumentChangeRow.document_id).where(DocumentChangeRow.revision > revision)
        query = select(func.coalesce(func.sum(DocumentRow.passages), 0)).where(DocumentRow.id.in_(changed))
        async with self.database.reading() as session:
            return await session.scalar(query) or 0


def latest_revision() -> Select[int | None]:
    """The number of the latest change; null without any."""
    return select(func.max(DocumentChangeRow.revision))


async def lock_change_numbers(session: AsyncSession) -> None:
    """Number the changes of this transaction after all committed ones and before all others.

    If a later revision became visible before an earlier one, an index that has applied it would miss the earlier one.
    """
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CHANGE_LOCK})


async def _first(
    session: AsyncSession, rows: Sequence[DocumentChangeRow], most_passages: int
) -> Sequence[DocumentChangeRow]:
    """The first of `rows` with at most `most_passages` in total, but at least one."""
    ids = {row.document_id for row in rows}
    counted = await session.execute(select(DocumentRow.id, DocumentRow.passages).where(DocumentRow.id.in_(ids)))
    sizes = {row.id: row.passages for row in counted}
    total = 0
    for number, row in enumerate(rows):
        total += sizes.pop(row.document_id, 0)
        if total > most_passages:
            return rows[: max(number, 1)]
    return rows


async def _passages(session: AsyncSession, document_ids: Sequence[UUID]) -> dict[UUID, list[IndexedPassage]]:
    rows = await session.execute(
        select(PassageRow.document_id, PassageRow.id, PassageRow.heading, PassageRow.text)
        .where(PassageRow.document_id.in_(document_ids))
        .order_by(PassageRow.document_id, PassageRow.position)
    )
    passages: dict[UUID, list[IndexedPassage]] = defaultdict(list)
    for row in rows:
        passages[row.document_id].append(IndexedPassage(row.id, row.heading, row.text))
    return passages
