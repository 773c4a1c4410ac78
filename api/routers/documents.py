"""Documents and search: forwarded to the MCP service, whose responses are returned unchanged."""

from fastapi import Request, Response, status

from api.authentication import CurrentUser, Owner
from api.dependencies import KnowledgeDep
from api.knowledge import Call
from api.route_classes import user_router
from api.routers.parameters import CollectionFilter, Cursor, DocumentId, Limit, NameContains
from api.routers.responses import BODY, BODY_STALLED, NOT_FOUND, OWNER_ONLY, TOO_LARGE, Responses
from dynavera.contracts.contract import COLLECTION_PATTERN, DEFAULT_COLLECTION
from dynavera.contracts.documents import (
    Collections,
    Document,
    DocumentText,
    Found,
    Ingestion,
    Passage,
    Reindexing,
    Search,
)
from dynavera.contracts.pages import Page
from dynavera.contracts.system import Problem
from dynavera.web.strict_bodies import require_form

FILES = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "The files; the field may be repeated.",
                        },
                        "collection": {
                            "type": "string",
                            "default": DEFAULT_COLLECTION,
                            "pattern": COLLECTION_PATTERN,
                            "description": "The collection to add them to.",
                        },
                    },
                }
            }
        },
    }
}
NO_COLLECTION: Responses = {404: {"model": Problem, "description": "You have no documents in this collection."}}
NOT_FILES = {415: {"model": Problem, "description": "The body is not multipart/form-data."}}

router = user_router("/api", "documents")


@router.get("/documents", response_model=Page[Document])
async def list_documents(
    user: CurrentUser,
    knowledge: KnowledgeDep,
    collection: CollectionFilter = None,
    q: NameContains = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Your documents, newest first."""
    asked = {"collection": collection, "q": q, "limit": limit, "cursor": cursor}
    params = {name: value for name, value in asked.items() if value is not None}
    return await knowledge.forward(user, Call("GET", "/documents", params))


@router.post(
    "/documents",
    status_code=status.HTTP_201_CREATED,
    response_model=Ingestion,
    responses=BODY_STALLED | TOO_LARGE | NOT_FILES,
    openapi_extra=FILES,
)
async def add_documents(request: Request, user: CurrentUser, knowledge: KnowledgeDep) -> Response:
    """Add files to a collection; each replaces a document of the same name in the collection."""
    require_form(request)
    headers = {"Content-Type": request.headers["content-type"]}
    if "content-length" in request.headers:
        headers["Content-Length"] = request.headers["content-length"]
    return await knowledge.forward(user, Call("POST", "/documents", content=request.stream(), headers=headers))


@router.get("/documents/{document_id}", response_model=Document, responses=NOT_FOUND)
async def get_document(document_id: DocumentId, user: CurrentUser, knowledge: KnowledgeDep) -> Response:
    """One document."""
    return await knowledge.forward(user, Call("GET", f"/documents/{document_id}"))


@router.delete("/documents/{document_id}", status_code=status.HTTP_204_NO_CONTENT, responses=NOT_FOUND)
async def delete_document(document_id: DocumentId, user: CurrentUser, knowledge: KnowledgeDep) -> Response:
    """Delete a document; answers that cite it keep their sources."""
    return await knowledge.forward(user, Call("DELETE", f"/documents/{document_id}"))


@router.get("/documents/{document_id}/text", response_model=DocumentText, responses=NOT_FOUND)
async def get_text(document_id: DocumentId, user: CurrentUser, knowledge: KnowledgeDep) -> Response:
    """The text that was extracted from a document; its passages are ranges of this text."""
    return await knowledge.forward(user, Call("GET", f"/documents/{document_id}/text"))


@router.get("/documents/{document_id}/passages", response_model=Page[Passage], responses=NOT_FOUND)
async def list_passages(
    document_id: DocumentId, user: CurrentUser, knowledge: KnowledgeDep, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """The passages of a document, in order."""
    params = {"limit": limit} | ({"cursor": cursor} if cursor is not None else {})
    return await knowledge.forward(user, Call("GET", f"/documents/{document_id}/passages", params))


@router.post("/search", response_model=Found, responses=BODY | NO_COLLECTION)
async def search(search: Search, user: CurrentUser, knowledge: KnowledgeDep) -> Response:
    """Search for passages, best first."""
    headers = {"Content-Type": "application/json"}
    content = search.model_dump_json().encode()
    return await knowledge.forward(user, Call("POST", "/search", content=content, headers=headers))


@router.get("/collections", response_model=Collections)
async def list_collections(user: CurrentUser, knowledge: KnowledgeDep) -> Response:
    """The collections in which you have documents."""
    return await knowledge.forward(user, Call("GET", "/collections"))


@router.get("/reindex", response_model=Reindexing, responses=OWNER_ONLY)
async def get_reindexing(owner: Owner, knowledge: KnowledgeDep) -> Response:
    """The progress of rebuilding the search indexes."""
    return await knowledge.forward(owner, Call("GET", "/reindex"))


@router.post("/reindex", status_code=status.HTTP_202_ACCEPTED, response_model=Reindexing, responses=OWNER_ONLY)
async def reindex(owner: Owner, knowledge: KnowledgeDep) -> Response:
    """Start rebuilding the search indexes from the passages; until it is done, searches are refused."""
    return await knowledge.forward(owner, Call("POST", "/reindex"))
