"""Turns uploaded files into documents in the records; each is ingested, unchanged, or refused."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath
from uuid import UUID

from dynavera.contracts.documents import Document
from dynavera.contracts.media_types import MAX_FILE_BYTES, MEDIA_TYPES
from dynavera.records.documents import DocumentRecords
from dynavera.records.new_documents import FileIdentity, NewDocument
from mcp_service.knowledge.extraction.errors import FileRefused, too_large
from mcp_service.knowledge.extraction.extractors import ExtractorPool


@dataclass(frozen=True)
class SourceFile:
    """An uploaded file; `declared_type` counts only if the name has no extension."""

    name: str
    declared_type: str | None
    data: bytes


@dataclass(frozen=True)
class Ingestor:
    """Ingests files."""

    records: DocumentRecords
    extractors: ExtractorPool

    async def ingest(
        self,
        user_id: UUID,
        collection: str,
        files: Sequence[SourceFile],
        storing: Callable[[Sequence[NewDocument]], AbstractAsyncContextManager[None]],
    ) -> list[Document | FileRefused]:
        """The document or refusal of each file; unchanged ones are not read again.

        One transaction stores all, within the context manager that `storing` gives for them.
        """
        identified = await asyncio.to_thread(_identify_all, files)
        identities = [each for each in identified if isinstance(each, FileIdentity)]
        unchanged = iter(await self.records.repeated(user_id, collection, identities))
        read: list[Document | NewDocument | FileRefused] = []
        for file, identity in zip(files, identified, strict=True):
            if isinstance(identity, FileRefused):
                read.append(identity)
            else:
                read.append(next(unchanged) or await self._read(file, identity))
        new = [each for each in read if isinstance(each, NewDocument)]
        stored = iter(await self._store(user_id, collection, new, storing) if new else [])
        return [next(stored) if isinstance(each, NewDocument) else each for each in read]

    async def _store(
        self,
        user_id: UUID,
        collection: str,
        new: Sequence[NewDocument],
        storing: Callable[[Sequence[NewDocument]], AbstractAsyncContextManager[None]],
    ) -> list[Document]:
        async with storing(new):
            return await self.records.put(user_id, collection, new)

    async def _read(self, file: SourceFile, identity: FileIdentity) -> NewDocument | FileRefused:
        try:
            extracted = await self.extractors.read(identity.media_type, file.data)
        except FileRefused as refusal:
            return refusal
        return NewDocument(
            name=file.name,
            media_type=identity.media_type,
            bytes=len(file.data),
            sha256=identity.sha256,
            text=extracted.text,
            passages=extracted.passages,
            details=extracted.details,
        )


def _identify_all(files: Sequence[SourceFile]) -> list[FileIdentity | FileRefused]:
    return [_identify(file) for file in files]


def _identify(file: SourceFile) -> FileIdentity | FileRefused:
    if len(file.data) > MAX_FILE_BYTES:
        return too_large(MAX_FILE_BYTES)
    media_type = _media_type(file.name, file.declared_type)
    if media_type is None:
        return FileRefused(
            "unsupported_type", f"Files of this type are not supported. Send one of {', '.join(sorted(MEDIA_TYPES))}."
        )
    return FileIdentity(file.name, media_type, hashlib.sha256(file.data).hexdigest())


def _media_type(name: str, declared_type: str | None) -> str | None:
    extension = PurePosixPath(name).suffix.lower()
    if extension:
        return MEDIA_TYPES.get(extension)
    declared = (declared_type or "").partition(";")[0].strip().lower()
    return declared if declared in MEDIA_TYPES.values() else None
