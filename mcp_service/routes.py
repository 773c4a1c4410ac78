"""Plain HTTP routes, for clients without MCP."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Header, Query, Request, Response, UploadFile, status
from pydantic import BeforeValidator
from sse_starlette import EventSourceResponse

from dynavera.contracts.agents import GeneratorName
from dynavera.contracts.contract import DEFAULT_COLLECTION, Collection, Text
from dynavera.contracts.documents import (
    Collections,
    Document,
    DocumentText,
    Found,
    Ingestion,
    Passage,
    Refusal,
    Reindexing,
    Search,
)
from dynavera.contracts.mcp import USER_HEADER
from dynavera.contracts.media_types import type_of_text
from dynavera.contracts.pages import Page
from dynavera.contracts.system import Generators, McpHealth, Problem
from dynavera.contracts.users import User
from dynavera.web.errors import OwnerOnly
from dynavera.web.problems import problem_response, status_title
from dynavera.web.strict_bodies import StrictRoute
from mcp_service import one_shot
from mcp_service.authentication import Caller
from mcp_service.one_shot import ExecuteError, ExecuteEvent, ExecuteRequest, ExecuteResponse, ExecuteResult
from mcp_service.refusals import EXPECTED_ERRORS, refusal_of
from mcp_service.service import Service
from mcp_service.uploads import ingest_uploads

EVENT_STREAM = "text/event-stream"
PING_SECONDS = 10

CLIENT_LEFT = 499
"""The status of a response whose client has left, as in nginx's log."""


class AllRefused(Problem):
    """Every file of an upload was refused."""

    refused: list[Refusal]


router = APIRouter(route_class=StrictRoute)


def _service(request: Request) -> Service:
    return request.app.state.service


ServiceDep = Annotated[Service, Depends(_service)]


async def _user(
    request: Request, service: ServiceDep, named: Annotated[str | None, Header(alias=USER_HEADER)] = None
) -> User:
    caller: Caller = request.state.caller
    return await service.callers.user_for(caller, named)


UserDep = Annotated[User, Depends(_user)]


def _require_file(sent: UploadFile | str) -> UploadFile:
    if isinstance(sent, str):
        raise ValueError("must be a file, sent with a file name")
    return sent


async def _owner(user: UserDep) -> None:
    if not user.owner:
        raise OwnerOnly("Only the owner of this instance can rebuild the search indexes.")


OwnerOnlyDep = Depends(_owner)
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=200)]
Sha256 = Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")]
NameContains = Annotated[Text | None, Query(min_length=1, max_length=200)]
CollectionQuery = Annotated[Collection | None, Query()]


@router.get("/health")
async def health(service: ServiceDep) -> McpHealth:
    """The default generator, the embedder, and the number of documents and passages."""
    return await service.health()


@router.get("/generators")
async def generators(_user: UserDep, service: ServiceDep) -> Generators:
    """The generators that can be used now."""
    return await service.generators()


@router.get("/generators/check", status_code=status.HTTP_204_NO_CONTENT)
async def check_generator(_user: UserDep, service: ServiceDep, name: Annotated[GeneratorName, Query()]) -> None:
    """204 if an agent can use this generator, otherwise 422 with the reason."""
    await service.generations.generators.check(name)


@router.get("/documents")
async def documents(
    user: UserDep,
    service: ServiceDep,
    collection: CollectionQuery = None,
    q: NameContains = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Document]:
    """The user's documents, newest first; with `q`, only those whose name contains it."""
    return await service.records.page(user.id, collection, limit, cursor, q)


@router.post("/documents", status_code=status.HTTP_201_CREATED, response_model=Ingestion)
async def add_documents(
    user: UserDep,
    service: ServiceDep,
    file: Annotated[list[Annotated[UploadFile, BeforeValidator(_require_file)]], File()],
    collection: Annotated[Collection, Form()] = DEFAULT_COLLECTION,
) -> Ingestion | Response:
    """Ingest files; they can be retrieved when this answers. 422 if all were refused."""
    ingestion = await ingest_uploads(await service.knowledge.ready(), user.id, collection, file)
    if ingestion.items:
        return ingestion
    return problem_response(_all_refused(ingestion.refused))


@router.get("/documents/{document_id}")
async def document(document_id: UUID, user: UserDep, service: ServiceDep) -> Document:
    """One document."""
    return await service.records.get(user.id, document_id)


@router.delete("/documents/{document_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_document(document_id: UUID, user: UserDep, service: ServiceDep) -> None:
    """Delete a document; no search finds it once this answers."""
    knowledge = await service.knowledge.ready()
    await knowledge.delete(user.id, document_id)


@router.get("/documents/{document_id}/text")
async def text(document_id: UUID, user: UserDep, service: ServiceDep) -> DocumentText:
    """The text of a document."""
    document = await service.records.get(user.id, document_id)
    text = await service.records.text(user.id, document_id)
    return DocumentText(text=text, media_type=type_of_text(document.media_type))


@router.get("/documents/{document_id}/passages")
async def passages(
    document_id: UUID,
    user: UserDep,
    service: ServiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    sha256: Sha256 = None,
) -> Page[Passage]:
    """The passages of a document, in order; with `sha256`, only those whose text has this hash."""
    return await service.records.passages(user.id, document_id, limit, cursor, sha256)


@router.get("/collections")
async def collections(user: UserDep, service: ServiceDep) -> Collections:
    """The collections in which the user has documents."""
    return Collections(items=await service.records.collections(user.id))


@router.get("/reindex", dependencies=[OwnerOnlyDep])
async def reindexing(service: ServiceDep) -> Reindexing:
    """The progress of the rebuild of the search indexes."""
    knowledge = await service.knowledge.ready()
    return knowledge.progress()


@router.post("/reindex", status_code=status.HTTP_202_ACCEPTED, dependencies=[OwnerOnlyDep])
async def reindex(service: ServiceDep) -> Reindexing:
    """Start rebuilding both search indexes from the records; searches are refused until it is done."""
    totals = await service.records.totals()
    knowledge = await service.knowledge.ready()
    return knowledge.rebuild(totals.passages)


@router.post("/search")
async def search(request: Search, user: UserDep, service: ServiceDep) -> Found:
    """The passages that match a question, with their rank in each of the two indexes."""
    knowledge = await service.knowledge.ready()
    return Found(passages=await knowledge.retrieve(user.id, request.collection, request.query, request.top_k))


@router.post("/execute", response_model=ExecuteResponse)
async def execute(
    body: ExecuteRequest, user: UserDep, service: ServiceDep, request: Request
) -> ExecuteResponse | Response:
    """Retrieve and generate in one call with an agent's settings; as server-sent events if the client accepts them."""
    if EVENT_STREAM in request.headers.get("accept", ""):
        await service.agents.get(user.id, body.agent_id)
        send_timeout = service.limits.reader_timeout.total_seconds()
        return EventSourceResponse(_events(service, user.id, body), ping=PING_SECONDS, send_timeout=send_timeout)
    return await _while_connected(request, one_shot.execute(service, user.id, body, _discard))


def _all_refused(refused: list[Refusal]) -> AllRefused:
    reasons = " ".join(f"{refusal.name!r}: {refusal.detail}" for refusal in refused)
    return AllRefused(
        title=status_title(status.HTTP_422_UNPROCESSABLE_CONTENT),
        status=status.HTTP_422_UNPROCESSABLE_CONTENT,
        detail=f"No file was ingested. {reasons}",
        code="all_refused",
        refused=refused,
    )


async def _discard(_event: ExecuteEvent) -> None:
    """Drop the events of a call that wants only the result."""


async def _while_connected(
    request: Request, executing: Coroutine[None, None, ExecuteResponse]
) -> ExecuteResponse | Response:
    """The result of `executing`, which is cancelled, and the model with it, if the client disconnects."""
    working = asyncio.create_task(executing)
    disconnect = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({working, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else Response(status_code=CLIENT_LEFT)
    finally:
        await _cancel(working, disconnect)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _events(service: Service, user_id: UUID, body: ExecuteRequest) -> AsyncGenerator[str]:
    """The events, then the result or the error, each as JSON."""
    events: asyncio.Queue[ExecuteEvent] = asyncio.Queue(1)
    working = asyncio.create_task(one_shot.execute(service, user_id, body, events.put))
    next_event = asyncio.create_task(events.get())
    try:
        while next_event in (await asyncio.wait({working, next_event}, return_when=asyncio.FIRST_COMPLETED))[0]:
            yield next_event.result().model_dump_json()
            next_event = asyncio.create_task(events.get())
        while not events.empty():
            yield events.get_nowait().model_dump_json()
        yield _outcome(working)
    finally:
        await _cancel(working, next_event)


def _outcome(working: asyncio.Task[ExecuteResponse]) -> str:
    try:
        return ExecuteResult(output_data=working.result().output_data).model_dump_json()
    except EXPECTED_ERRORS as error:
        return ExecuteError(**refusal_of(error).model_dump()).model_dump_json()
