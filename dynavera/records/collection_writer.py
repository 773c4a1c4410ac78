"""Writes files to a collection: finds those that it has already, and replaces documents of the same name."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from dynavera.contracts.contract import utc_now
from dynavera.contracts.documents import Document
from dynavera.identifiers import new_id
from dynavera.records.document_rows import MAX_PARAMETERS, document_of, documents, in_collection, passage_values
from dynavera.records.new_documents import FileIdentity, NewDocument, NewPassage
from dynavera.records.tables import DocumentChangeRow, DocumentRow, PassageRow


class CollectionWriter:
    """Takes files in order, as if each were stored before the next is examined."""

    def __init__(self, user_id: UUID, collection: str, rows: Sequence[DocumentRow]) -> None:
        self._user_id = user_id
        self._collection = collection
        self._named = {row.name: row for row in rows}
        self._forgotten: set[str] = set()
        self._put: dict[UUID, Sequence[NewPassage]] = {}
        self._replaced: set[UUID] = set()
        self._changed: list[UUID] = []

    @classmethod
    async def of(
        cls, session: AsyncSession, user_id: UUID, collection: str, files: Sequence[FileIdentity]
    ) -> "CollectionWriter":
        """A writer that knows every document that one of `files` may replace or repeat."""
        rows: dict[UUID, DocumentRow] = {}
        for start in range(0, len(files), MAX_PARAMETERS):
            some = files[start : start + MAX_PARAMETERS]
            conditions = (
                DocumentRow.name.in_({file.name for file in some}),
                DocumentRow.sha256.in_({file.sha256 for file in some}),
            )
            for condition in conditions:
                found = await session.scalars(documents().where(*in_collection(user_id, collection), condition))
                rows.update({row.id: row for row in found})
        return cls(user_id, collection, sorted(rows.values(), key=lambda row: row.id))

    def repeated(self, file: FileIdentity) -> Document | None:
        """The document that has the content of `file` already, or None.

        Only the document of the same name counts if there is one, because `file` would replace it.
        """
        if file.name in self._forgotten:
            return None
        row = self._named.get(file.name)
        candidates = self._named.values() if row is None else [row]
        same = (row for row in candidates if (row.sha256, row.media_type) == (file.sha256, file.media_type))
        # A document without details was read by an earlier version, which reads less.
        found = next((row for row in same if row.details is not None), None)
        return None if found is None else document_of(found)

    def forget(self, file: FileIdentity) -> None:
        """Ignore the document with the name of `file` from now on: it will be replaced."""
        self._forgotten.add(file.name)
        self._named.pop(file.name, None)

    def put(self, new: NewDocument) -> Document:
        """Add a document. One of the same name is replaced and keeps its id."""
        row = self._named.get(new.name)
        if row is None:
            row = DocumentRow(id=new_id(), user_id=self._user_id, collection=self._collection, name=new.name)
            self._named[new.name] = row
        elif row.id not in self._put:
            self._replaced.add(row.id)
        row.media_type = new.media_type
        row.bytes = new.bytes
        row.sha256 = new.sha256
        row.text = new.text
        row.passages = len(new.passages)
        row.details = asdict(new.details)
        row.created_at = utc_now()
        self._put[row.id] = new.passages
        self._changed.append(row.id)
        return document_of(row)

    async def store(self, session: AsyncSession) -> None:
        """Write all documents that were added."""
        if not self._put:
            return
        session.add_all(row for row in self._named.values() if row.id in self._put)
        await session.flush()
        replaced = list(self._replaced)
        for start in range(0, len(replaced), MAX_PARAMETERS):
            some = replaced[start : start + MAX_PARAMETERS]
            await session.execute(delete(PassageRow).where(PassageRow.document_id.in_(some)))
        passages = [value for id_, each in self._put.items() for value in passage_values(id_, each)]
        if passages:
            await session.execute(insert(PassageRow), passages)
        await session.execute(insert(DocumentChangeRow), [self._change(document_id) for document_id in self._changed])

    def _change(self, document_id: UUID) -> dict[str, Any]:
        return {"user_id": self._user_id, "collection": self._collection, "document_id": document_id}
