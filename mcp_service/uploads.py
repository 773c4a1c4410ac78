"""Files of one upload: each is ingested or refused on its own."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import UploadFile

from dynavera.contracts.contract import Name, utc_now
from dynavera.contracts.documents import Document, Ingestion, Refusal
from dynavera.contracts.media_types import MAX_FILE_BYTES
from mcp_service.knowledge.extraction.errors import FileRefused
from mcp_service.knowledge.ingestion import SourceFile
from mcp_service.knowledge.knowledge import Knowledge

BATCH_FILES = 200
BATCH_BYTES = 8 * 1024 * 1024
"""The size of a batch, which is one transaction: short enough for other writers in between."""

_name: TypeAdapter[str] = TypeAdapter(Name)


async def ingest_uploads(
    knowledge: Knowledge, user_id: UUID, collection: str, files: Sequence[UploadFile]
) -> Ingestion:
    """Ingest the files, so that they can be retrieved; a file that cannot be read is refused by itself."""
    began = utc_now()
    items: list[Document] = []
    refused: list[Refusal] = []
    for batch in _batches(files):
        bad_names = [_bad_name(file.filename or "") for file in batch]
        readable = [await _read(file) for file, bad_name in zip(batch, bad_names, strict=True) if bad_name is None]
        outcomes = iter(await knowledge.ingest(user_id, collection, readable))
        for file, bad_name in zip(batch, bad_names, strict=True):
            match bad_name or next(outcomes):
                case Document() as document:
                    items.append(document)
                case FileRefused() as refusal:
                    refused.append(Refusal(name=_printable(file.filename), code=refusal.code, detail=str(refusal)))
    unchanged = [document.id for document in items if document.created_at < began]
    return Ingestion(items=items, refused=refused, unchanged=unchanged)


def _batches(files: Sequence[UploadFile]) -> Iterator[Sequence[UploadFile]]:
    start = size = 0
    for end, file in enumerate(files):
        size += file.size or 0
        if end > start and (end - start == BATCH_FILES or size > BATCH_BYTES):
            yield files[start:end]
            start, size = end, file.size or 0
    yield files[start:]


async def _read(file: UploadFile) -> SourceFile:
    # One byte more than the limit, so that a file that is too large is noticed.
    return SourceFile(file.filename or "", file.content_type, await file.read(MAX_FILE_BYTES + 1))


def _bad_name(name: str) -> FileRefused | None:
    try:
        _name.validate_python(name)
    except ValidationError as error:
        return FileRefused("bad_name", f"Its name cannot be stored: it {_reason(error)}.")
    return None


def _reason(error: ValidationError) -> str:
    return error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ").removeprefix("String ")


def _printable(name: str | None) -> str:
    """The name as valid, short UTF-8."""
    return (name or "").encode("utf-8", "replace").decode()[:200]
