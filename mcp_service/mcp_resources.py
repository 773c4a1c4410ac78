"""MCP resources: the documents of the user."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from mcp.server.context import ServerRequestContext
from mcp.shared.uri_template import UriTemplate
from mcp_types import (
    Annotations,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)
from starlette import status

from dynavera.contracts.documents import Document
from dynavera.contracts.media_types import PLAIN, type_of_text
from dynavera.web.errors import Refused
from mcp_service.service import Service

PAGE_SIZE = 100

MAX_PART_CHARACTERS = 64 * 1024
"""Characters of one part: escaped as JSON they still fit into the 1 MiB that clients accept as one event."""

TEMPLATE = UriTemplate.parse("dynavera://documents/{document_id}{?offset}")


class ResourceNotFound(Refused):
    """There is no resource with this URI."""

    code: ClassVar[str] = "resource_not_found"
    status: ClassVar[int] = status.HTTP_404_NOT_FOUND


class DocumentResources:
    """The resources; `service` is a function because the service exists only while the app runs."""

    def __init__(self, service: Callable[[], Service]) -> None:
        self._service = service

    async def list(
        self, context: ServerRequestContext[Any, Any], parameters: PaginatedRequestParams
    ) -> ListResourcesResult:
        """The user's documents in all collections, newest first."""
        user = await self._service().callers.user_for_mcp(context)
        page = await self._service().records.page(user.id, None, PAGE_SIZE, parameters.cursor)
        return ListResourcesResult(resources=[_to_resource(each) for each in page.items], next_cursor=page.next_cursor)

    async def list_templates(
        self, _context: ServerRequestContext[Any, Any], _parameters: PaginatedRequestParams
    ) -> ListResourceTemplatesResult:
        """The only template of the URIs."""
        template = ResourceTemplate(
            uri_template=TEMPLATE.template,
            name="document",
            title="A document",
            description=(
                "The text of a document by its id, as `retrieve` and `list_documents` give it. A long one comes in "
                f"parts of {MAX_PART_CHARACTERS} characters; `offset` is where a part starts."
            ),
        )
        return ListResourceTemplatesResult(resource_templates=[template])

    async def read(
        self, context: ServerRequestContext[Any, Any], parameters: ReadResourceRequestParams
    ) -> ReadResourceResult:
        """A document's text, or a part of a long one with the URI of the next part.

        Raises:
            ResourceNotFound: it is not the URI of a document, or the document ends before the offset.
            DocumentNotFound: the user has no such document.
        """
        document_id, offset = _parse_uri(parameters.uri)
        user = await self._service().callers.user_for_mcp(context)
        records = self._service().records
        document = await records.get(user.id, document_id)
        text = await records.text(user.id, document_id)
        if offset and offset >= len(text):
            raise ResourceNotFound(f"The document has {len(text)} characters: none at {offset}.")
        end = offset + MAX_PART_CHARACTERS
        parts = [
            TextResourceContents(uri=parameters.uri, mime_type=type_of_text(document.media_type), text=text[offset:end])
        ]
        if end < len(text):
            parts.append(_next_part(document_id, end, len(text)))
        return ReadResourceResult(contents=[*parts])


def _to_resource(document: Document) -> Resource:
    return Resource(
        uri=_uri(document.id),
        name=document.name,
        description=f"In the collection {document.collection!r}, {document.passages} passages.",
        mime_type=type_of_text(document.media_type),
        annotations=Annotations(last_modified=document.created_at.isoformat().replace("+00:00", "Z")),
    )


def _next_part(document_id: UUID, offset: int, length: int) -> TextResourceContents:
    uri = TEMPLATE.expand({"document_id": str(document_id), "offset": str(offset)})
    note = f"The document continues: read {uri} for the rest, from character {offset} of {length}."
    return TextResourceContents(uri=uri, mime_type=PLAIN, text=note)


def _uri(document_id: UUID) -> str:
    return TEMPLATE.expand({"document_id": str(document_id)})


def _parse_uri(uri: str) -> tuple[UUID, int]:
    found = TEMPLATE.match(uri) or {}
    document_id, offset = found.get("document_id"), found.get("offset", "0")
    try:
        parsed = UUID(str(document_id))
    except ValueError as error:
        raise ResourceNotFound(f"Resource URIs have the form {TEMPLATE.template}.") from error
    if not (isinstance(offset, str) and offset.isascii() and offset.isdecimal() and len(offset) < 10):
        raise ResourceNotFound("offset: must be a non-negative integer of at most nine digits.")
    return parsed, int(offset)
