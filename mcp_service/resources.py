"""Documents as resources of the Model Context Protocol: each user sees their own."""

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
from mcp_service.refusals import Refused
from mcp_service.service import Service

PAGE = 100
"""How many resources a page lists."""

LARGEST_PART = 64 * 1024
"""Characters that are read at once: escaped as JSON they still fit into the 1 MiB that clients take of an event."""

TEMPLATE = UriTemplate.parse("dynavera://documents/{document_id}{?offset}")


class NoSuchResource(Refused):
    """The URI names nothing that is served here."""

    code: ClassVar[str] = "resource_not_found"
    status: ClassVar[int] = status.HTTP_404_NOT_FOUND


class DocumentResources:
    """The resources; `service` gives what they are read from, which is open only while the app runs."""

    def __init__(self, service: Callable[[], Service]) -> None:
        self._service = service

    async def page(self, context: ServerRequestContext[Any, Any], asked: PaginatedRequestParams) -> ListResourcesResult:
        """The user's documents of all collections, newest first."""
        user = await self._service().doorkeeper.asker(context)
        page = await self._service().records.page(user.id, None, PAGE, asked.cursor)
        return ListResourcesResult(resources=[_resource(each) for each in page.items], next_cursor=page.next_cursor)

    async def templates(
        self, _context: ServerRequestContext[Any, Any], _asked: PaginatedRequestParams
    ) -> ListResourceTemplatesResult:
        """The one form that the URIs have."""
        template = ResourceTemplate(
            uri_template=TEMPLATE.template,
            name="document",
            title="A document",
            description=(
                "The text of a document by its id, as `retrieve` and `list_documents` give it. A long one comes in "
                f"parts of {LARGEST_PART} characters; `offset` is where a part starts."
            ),
        )
        return ListResourceTemplatesResult(resource_templates=[template])

    async def read(
        self, context: ServerRequestContext[Any, Any], asked: ReadResourceRequestParams
    ) -> ReadResourceResult:
        """A document's text, or a part of a long one and where it goes on.

        Raises:
            NoSuchResource: it is no URI of a document, or the document ends before the offset.
            DocumentNotFound: the user has no such document.
        """
        document_id, offset = _named(asked.uri)
        user = await self._service().doorkeeper.asker(context)
        records = self._service().records
        document = await records.get(user.id, document_id)
        text = await records.text(user.id, document_id)
        if offset and offset >= len(text):
            raise NoSuchResource(f"The document has {len(text)} characters: none at {offset}.")
        end = offset + LARGEST_PART
        parts = [
            TextResourceContents(uri=asked.uri, mime_type=type_of_text(document.media_type), text=text[offset:end])
        ]
        if end < len(text):
            parts.append(_rest(document_id, end, len(text)))
        return ReadResourceResult(contents=list(parts))


def _resource(document: Document) -> Resource:
    return Resource(
        uri=_uri(document.id),
        name=document.name,
        description=f"In the collection {document.collection!r}, {document.passages} passages.",
        mime_type=type_of_text(document.media_type),
        annotations=Annotations(last_modified=document.created_at.isoformat().replace("+00:00", "Z")),
    )


def _rest(document_id: UUID, offset: int, whole: int) -> TextResourceContents:
    uri = TEMPLATE.expand({"document_id": str(document_id), "offset": str(offset)})
    said = f"The document goes on: read {uri} for the rest, from character {offset} of {whole}."
    return TextResourceContents(uri=uri, mime_type=PLAIN, text=said)


def _uri(document_id: UUID) -> str:
    return TEMPLATE.expand({"document_id": str(document_id)})


def _named(uri: str) -> tuple[UUID, int]:
    found = TEMPLATE.match(uri) or {}
    document_id, offset = found.get("document_id"), found.get("offset", "0")
    try:
        named = UUID(str(document_id))
    except ValueError as error:
        raise NoSuchResource(f"Resources here are {TEMPLATE.template}, with a document's id.") from error
    if not (isinstance(offset, str) and offset.isascii() and offset.isdecimal() and len(offset) < 10):
        raise NoSuchResource("offset: must be a whole number from 0 on, of at most nine digits.")
    return named, int(offset)
