"""The part of a collection that some files may touch: which of them it has already, and what replaces what."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from dynavera.contracts.contract import utc_now
from dynavera.contracts.documents import Document
from dynavera.identifiers import new_id
from dynavera.records.document_rows import MOST_PARAMETERS, document_of, documents, in_collection, passage_values
from dynavera.records.new_documents import FileIdentity, NewDocument, NewPassage
from dynavera.records.tables import DocumentChangeRow, DocumentRow, PassageRow


class Shelf:
    """Takes files one after the other, as if each were stored before the next one is looked at."""

    def __init__(self, user_id: UUID, collection: str, rows: Sequence[DocumentRow]) -> None:
        self._user_id = user_id
        self._collection = collection
        self._named = {row.name: row for row in rows}
        self._passed_over: set[str] = set()
        self._put: dict[UUID, Sequence[NewPassage]] = {}
        self._replaced: set[UUID] = set()
        self._changed: list[UUID] = []

    @classmethod
    async def of(cls, session: AsyncSession, user_id: UUID, collection: str, files: Sequence[FileIdentity]) -> "Shelf":
        """The shelf with every document that one of `files` may replace or repeat."""
        rows: dict[UUID, DocumentRow] = {}
        for start in range(0, len(files), MOST_PARAMETERS):
            some = files[start : start + MOST_PARAMETERS]
            alike = (
                DocumentRow.name.in_({file.name for file in some}),
                DocumentRow.sha256.in_({file.sha256 for file in some}),
            )
            for condition in alike:
                found = await session.scalars(documents().where(*in_collection(user_id, collection), condition))
                rows.update({row.id: row for row in found})
        return cls(user_id, collection, sorted(rows.values(), key=lambda row: row.id))

    def repeated(self, file: FileIdentity) -> Document | None:
        """The document that `file` would only repeat.

        It is the one of the same name if there is one, for that would be replaced; otherwise any with the same file.
        """
        if file.name in self._passed_over:
            return None
        row = self._named.get(file.name)
        alike = self._named.values() if row is None else [row]
        same = (row for row in alike if (row.sha256, row.media_type) == (file.sha256, file.media_type))
        found = next(same, None)
        return None if found is None else document_of(found)

    def pass_over(self, file: FileIdentity) -> None:
        """Count no more on what is there under the name of `file`: it will be replaced."""
        self._passed_over.add(file.name)
        self._named.pop(file.name, None)

    def put(self, new: NewDocument) -> Document:
        """Take a document; one of the same name is replaced, and keeps its id."""
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
        row.created_at = utc_now()
        self._put[row.id] = new.passages
        self._changed.append(row.id)
        return document_of(row)

    async def store(self, session: AsyncSession) -> None:
        """Write what was put."""
        if not self._put:
            return
        session.add_all(row for row in self._named.values() if row.id in self._put)
        await session.flush()
        replaced = list(self._replaced)
        for start in range(0, len(replaced), MOST_PARAMETERS):
            some = replaced[start : start + MOST_PARAMETERS]
            await session.execute(delete(PassageRow).where(PassageRow.document_id.in_(some)))
        passages = [value for id_, each in self._put.items() for value in passage_values(id_, each)]
        if passages:
            await session.execute(insert(PassageRow), passages)
        await session.execute(insert(DocumentChangeRow), [self._change(document_id) for document_id in self._changed])

    def _change(self, document_id: UUID) -> dict[str, Any]:
        return {"user_id": self._user_id, "collection": self._collection, "document_id": document_id}
