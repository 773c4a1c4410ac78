"""Conversion of documents and passages between table rows and contracts."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Select, select
from sqlalchemy.orm import defer

from dynavera.contracts.documents import Document, Passage
from dynavera.identifiers import new_id
from dynavera.records.new_documents import NewPassage
from dynavera.records.tables import DocumentRow, PassageRow

MAX_PARAMETERS = 500
"""Values per statement. SQLite allows 32,766, older versions 999."""


def documents() -> Select[DocumentRow]:
    """Documents without their text, which can be megabytes."""
    return select(DocumentRow).options(defer(DocumentRow.text))


def in_collection(
    user_id: UUID | BindParameter[UUID], collection: str | BindParameter[str]
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The conditions that select the user's documents in the collection."""
    return DocumentRow.user_id == user_id, DocumentRow.collection == collection


def document_of(row: DocumentRow) -> Document:
    """The document in a row."""
    return Document(
        id=row.id,
        name=row.name,
        collection=row.collection,
        media_type=row.media_type,
        bytes=row.bytes,
        sha256=row.sha256,
        passages=row.passages,
        created_at=row.created_at,
        outdated=row.details is None,
        **(row.details or {}),
    )


def passage_of(row: PassageRow) -> Passage:
    """The passage in a row."""
    return Passage(
        passage_id=row.id,
        document_id=row.document_id,
        position=row.position,
        heading=row.heading,
        page=row.page,
        start=row.start,
        end=row.end,
        text=row.text,
        sha256=row.sha256,
    )


def passage_values(document_id: UUID, passages: Sequence[NewPassage]) -> list[dict[str, Any]]:
    """The passages of a document as table rows."""
    return [
        {
            "id": new_id(),
            "document_id": document_id,
            "position": position,
            "heading": passage.heading,
            "page": passage.page,
            "start": passage.start,
            "end": passage.end,
            "text": passage.text,
            "sha256": passage.sha256,
        }
        for position, passage in enumerate(passages)
    ]
