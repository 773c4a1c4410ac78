"""The plain HTTP calls, for clients that speak no MCP."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Header, Query, Request, Response, UploadFile, status
from pydantic import BeforeValidator
from sse_starlette import EventSourceResponse

from dynavera.contracts.agents import GeneratorName
from dynavera.contracts.contract import Collection, Text
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
from dynavera.contracts.system import Generators, McpHealth
from dynavera.contracts.users import User
from dynavera.limits import READER_TIMEOUT
from dynavera.web.problems import StrictRoute, status_title
from mcp_service.asking import Execute, Executed, SaidError, SaidEvent, SaidResult, executed
from mcp_service.authentication import Caller, OwnerOnly
from mcp_service.ingestion import ingest
from mcp_service.problems import AllRefused, problem_response
from mcp_service.refusals import KNOWN, refusal_of
from mcp_service.service import Service

EVENT_STREAM = "text/event-stream"
PING_SECONDS = 10

CLIENT_LEFT = 499
"""What nobody reads any more, as nginx writes it into its log."""

router = APIRouter(route_class=StrictRoute)


def _service(request: Request) -> Service:
    return request.app.state.service


ServiceDep = Annotated[Service, Depends(_service)]


async def _user(
    request: Request, service: ServiceDep, named: Annotated[str | None, Header(alias=USER_HEADER)] = None
) -> User:
    caller: Caller = request.state.caller
    return await service.doorkeeper.user_for(caller, named)


UserDep = Annotated[User, Depends(_user)]


def _a_file(sent: UploadFile | str) -> UploadFile:
    if isinstance(sent, str):
        raise ValueError("must be a file, sent with a file name")
    return sent


async def _owner(user: UserDep) -> None:
    if not user.owner:
        raise OwnerOnly("Only the owner of this instance may make the search indexes anew.")


OwnerOnlyDep = Depends(_owner)
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=200)]
Sha256 = Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")]
NameHolds = Annotated[Text | None, Query(min_length=1, max_length=200)]
CollectionQuery = Annotated[Collection | None, Query()]


@router.get("/health")
async def health(service: ServiceDep) -> McpHealth:
    """What the service generates and embeds with, and how much it knows."""
    return await service.health()


@router.get("/generators")
async def generators(_user: UserDep, service: ServiceDep) -> Generators:
    """What can write answers now."""
    return await service.generators()


@router.get("/generators/check", status_code=status.HTTP_204_NO_CONTENT)
async def check_generator(_user: UserDep, service: ServiceDep, name: Annotated[GeneratorName, Query()]) -> None:
    """Whether an agent may choose this generator; 422 says why not."""
    service.generations.generators.named(name)


@router.get("/documents")
async def documents(
    user: UserDep,
    service: ServiceDep,
    collection: CollectionQuery = None,
    q: NameHolds = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Document]:
    """The user's documents, newest first; only those whose name holds `q`, if it is given."""
    return await service.records.page(user.id, collection, limit, cursor, q)


@router.post("/documents", status_code=status.HTTP_201_CREATED, response_model=Ingestion)
async def add_documents(
    user: UserDep,
    service: ServiceDep,
    file: Annotated[list[Annotated[UploadFile, BeforeValidator(_a_file)]], File()],
    collection: Annotated[Collection, Form()] = "default",
) -> Ingestion | Response:
    """Take files in; they can be retrieved when this answers. 422 when all were refused."""
    taken = await ingest(await service.knowledge.opened(), user.id, collection, file)
    if taken.items:
        return taken
    return problem_response(_all_refused(taken.refused))


@router.get("/documents/{document_id}")
async def document(document_id: UUID, user: UserDep, service: ServiceDep) -> Document:
    """One document."""
    return await service.records.get(user.id, document_id)


@router.delete("/documents/{document_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_document(document_id: UUID, user: UserDep, service: ServiceDep) -> None:
    """Forget a document; it is in no search any more when this answers."""
    knowledge = await service.knowledge.opened()
    await knowledge.delete(user.id, document_id)


@router.get("/documents/{document_id}/text")
async def text(document_id: UUID, user: UserDep, service: ServiceDep) -> DocumentText:
    """What was read from a document."""
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
    """The passages of a document, in its order; only those with a certain text, if its hash is given."""
    return await service.records.passages(user.id, document_id, limit, cursor, sha256)


@router.get("/collections")
async def collections(user: UserDep, service: ServiceDep) -> Collections:
    """The collections in which the user has documents."""
    return Collections(items=await service.records.collections(user.id))


@router.get("/reindex", dependencies=[OwnerOnlyDep])
async def reindexing(service: ServiceDep) -> Reindexing:
    """How far the search indexes are that are made anew."""
    knowledge = await service.knowledge.opened()
    return knowledge.indexing.progress()


@router.post("/reindex", status_code=status.HTTP_202_ACCEPTED, dependencies=[OwnerOnlyDep])
async def reindex(service: ServiceDep) -> Reindexing:
    """Begin to make both search indexes anew from the records; until it is done, nothing can be searched."""
    totals = await service.records.totals()
    knowledge = await service.knowledge.opened()
    return knowledge.indexing.rebuild(totals.passages)


@router.post("/search")
async def search(asked: Search, user: UserDep, service: ServiceDep) -> Found:
    """The passages that fit a question, with their ranks in each of the two indexes."""
    knowledge = await service.knowledge.opened()
    return Found(passages=await knowledge.retrieve(user.id, asked.collection, asked.query, asked.top_k))


@router.post("/execute", response_model=Executed)
async def execute(asked: Execute, user: UserDep, service: ServiceDep, request: Request) -> Executed | Response:
    """Retrieve and generate in one call, with an agent's settings; as events when those are accepted."""
    if EVENT_STREAM in request.headers.get("accept", ""):
        await service.agents.get(user.id, asked.agent_id)
        patience = READER_TIMEOUT.total_seconds()
        return EventSourceResponse(_events(service, user.id, asked), ping=PING_SECONDS, send_timeout=patience)
    return await _while_connected(request, executed(service, user.id, asked, _unheard))


def _all_refused(refused: list[Refusal]) -> AllRefused:
    reasons = " ".join(f"{refusal.name!r}: {refusal.detail}" for refusal in refused)
    return AllRefused(
        title=status_title(status.HTTP_422_UNPROCESSABLE_CONTENT),
        status=status.HTTP_422_UNPROCESSABLE_CONTENT,
        detail=f"No file was taken. {reasons}",
        code="all_refused",
        refused=refused,
    )


async def _unheard(_said: SaidEvent) -> None:
    """Nobody listens on the way."""


async def _while_connected(request: Request, executing: Coroutine[None, None, Executed]) -> Executed | Response:
    """What `executing` comes to; a client that leaves stops it, and with it the model."""
    working = asyncio.create_task(executing)
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else Response(status_code=CLIENT_LEFT)
    finally:
        await _ended(working, leaving)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _ended(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _events(service: Service, user_id: UUID, asked: Execute) -> AsyncGenerator[str]:
    """What happens on the way, then the result or the error, each as JSON."""
    said: asyncio.Queue[SaidEvent] = asyncio.Queue(1)
    working = asyncio.create_task(executed(service, user_id, asked, said.put))
    hearing = asyncio.create_task(said.get())
    try:
        while hearing in (await asyncio.wait({working, hearing}, return_when=asyncio.FIRST_COMPLETED))[0]:
            yield hearing.result().model_dump_json()
            hearing = asyncio.create_task(said.get())
        while not said.empty():
            yield said.get_nowait().model_dump_json()
        yield _outcome(working)
    finally:
        await _ended(working, hearing)


def _outcome(working: asyncio.Task[Executed]) -> str:
    try:
        return SaidResult(output_data=working.result().output_data).model_dump_json()
    except KNOWN as error:
        return SaidError(**refusal_of(error).model_dump()).model_dump_json()
