"""Files that were sent together: each is taken in or refused for itself."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import UploadFile

from dynavera.contracts.contract import Name, utc_now
from dynavera.contracts.documents import Document, Ingestion, Refusal
from dynavera.contracts.media_types import LARGEST_FILE
from mcp_service.knowledge.extraction.refusing import FileRefused
from mcp_service.knowledge.intake import File
from mcp_service.knowledge.knowledge import Knowledge

FILES_AT_ONCE = 200
BYTES_AT_ONCE = 8 * 1024 * 1024
"""What is taken in together: in one transaction, short enough for others to write in between."""

_name: TypeAdapter[str] = TypeAdapter(Name)


async def ingest(knowledge: Knowledge, user_id: UUID, collection: str, files: Sequence[UploadFile]) -> Ingestion:
    """Take the files in; they can be retrieved now. What cannot be read is refused, and keeps nothing else out."""
    began = utc_now()
    items: list[Document] = []
    refused: list[Refusal] = []
    for group in _groups(files):
        names = [_unkept(file.filename or "") for file in group]
        kept = [await _read(file) for file, wrong in zip(group, names, strict=True) if wrong is None]
        taken = iter(await knowledge.take(user_id, collection, kept))
        for file, wrong in zip(group, names, strict=True):
            match wrong or next(taken):
                case Document() as document:
                    items.append(document)
                case FileRefused() as refusal:
                    refused.append(Refusal(name=_shown(file.filename), code=refusal.code, detail=str(refusal)))
    unchanged = [document.id for document in items if document.created_at < began]
    return Ingestion(items=items, refused=refused, unchanged=unchanged)


def _groups(files: Sequence[UploadFile]) -> Iterator[Sequence[UploadFile]]:
    start = size = 0
    for end, file in enumerate(files):
        size += file.size or 0
        if end > start and (end - start == FILES_AT_ONCE or size > BYTES_AT_ONCE):
            yield files[start:end]
            start, size = end, file.size or 0
    yield files[start:]


async def _read(file: UploadFile) -> File:
    # One byte more than may be, so that what is too large is seen to be.
    return File(file.filename or "", file.content_type, await file.read(LARGEST_FILE + 1))


def _unkept(name: str) -> FileRefused | None:
    try:
        _name.validate_python(name)
    except ValidationError as error:
        return FileRefused("bad_name", f"Its name cannot be kept: it {_reason(error)}.")
    return None


def _reason(error: ValidationError) -> str:
    return error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ").removeprefix("String ")


def _shown(name: str | None) -> str:
    """A name that can be sent back, whatever it was."""
    return (name or "").encode("utf-8", "replace").decode()[:200]
