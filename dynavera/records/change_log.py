"""The changes of the knowledge base, in order, and what the changed documents hold now: what the indexes follow."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from dynavera.records.database import Database
from dynavera.records.document_rows import MOST_PARAMETERS
from dynavera.records.tables import DocumentChangeRow, DocumentRow, PassageRow

CHANGE_LOCK = 0x446F6373
"""The PostgreSQL advisory lock under which changes are numbered, so that they commit in order: "Docs" in ASCII."""


@dataclass(frozen=True)
class IndexedPassage:
    """What the indexes are given of a passage."""

    id: UUID
    heading: str
    text: str


@dataclass(frozen=True)
class Scope:
    """Whose documents, and which of them: each scope is searched alone, and ranked alone."""

    user_id: UUID
    collection: str


@dataclass(frozen=True)
class CurrentDocument:
    """A document that has changed, with the passages that it has now; none when it is deleted."""

    scope: Scope
    document_id: UUID
    passages: Sequence[IndexedPassage]


@dataclass(frozen=True)
class Changes:
    """Changed documents, each once, and the revision that an index is at when it holds them."""

    documents: Sequence[CurrentDocument]
    revision: int


@dataclass(frozen=True)
class ChangeLog:
    """Every statement on the log of changes."""

    database: Database

    async def last_revision(self) -> int:
        """The number of the latest change; 0 when nothing has changed yet."""
        async with self.database.reading() as session:
            return await session.scalar(latest_revision()) or 0

    async def after(self, revision: int, *, most_passages: int) -> Changes:
        """The next changes after `revision`, with some `most_passages` in all; no documents: there are none."""
        async with self.database.reading() as session:
            rows = await session.scalars(
                select(DocumentChangeRow)
                .where(DocumentChangeRow.revision > revision)
                .order_by(DocumentChangeRow.revision)
                .limit(MOST_PARAMETERS)
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


def latest_revision() -> Select[int | None]:
    """The number of the latest change; null when nothing has changed yet."""
    return select(func.max(DocumentChangeRow.revision))


async def numbered_in_order(session: AsyncSession) -> None:
    """Let changes of this transaction be numbered after those that have committed, and before all others.

    A later revision must not be seen before an earlier one: who has caught up to it would never see the other.
    """
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CHANGE_LOCK})


async def _first(
    session: AsyncSession, rows: Sequence[DocumentChangeRow], most_passages: int
) -> Sequence[DocumentChangeRow]:
    """As many of `rows` as have `most_passages` together, and one at least."""
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
