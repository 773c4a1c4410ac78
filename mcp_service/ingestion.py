"""Files that were sent together: each is taken in or refused for itself."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import UploadFile

from dynavera.contracts.contract import Name
from dynavera.contracts.documents import Document, Ingestion, Refusal
from mcp_service.knowledge.extraction import LARGEST_FILE, FileRefused, too_large
from mcp_service.knowledge.knowledge import File, Knowledge

_name: TypeAdapter[str] = TypeAdapter(Name)


class BadName(FileRefused):
    """The file's name cannot be kept."""

    code = "bad_name"


async def ingest(knowledge: Knowledge, user_id: UUID, collection: str, files: Sequence[UploadFile]) -> Ingestion:
    """Take the files in; they can be retrieved now. What cannot be read is refused, and keeps nothing else out."""
    items: list[Document] = []
    refused: list[Refusal] = []
    for file in files:
        try:
            items.append(await knowledge.take(user_id, collection, await _read(file)))
        except FileRefused as error:
            refused.append(Refusal(name=_shown(file.filename), code=error.code, detail=str(error)))
    await knowledge.catch_up()
    return Ingestion(items=items, refused=refused)


async def _read(file: UploadFile) -> File:
    name = file.filename or ""
    try:
        _name.validate_python(name)
    except ValidationError as error:
        raise BadName(f"Its name cannot be kept: it {_reason(error)}.") from error
    data = await file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise too_large()
    return File(name, file.content_type, data)


def _reason(error: ValidationError) -> str:
    return error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ").removeprefix("String ")


def _shown(name: str | None) -> str:
    """A name that can be sent back, whatever it was."""
    return (name or "").encode("utf-8", "replace").decode()[:200]
