"""What the service knows: documents in, passages out, and two indexes that follow."""

import asyncio
import fcntl
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from starlette import status

from dynavera.contracts.documents import Document, FoundPassage
from dynavera.records.change_log import ChangeLog, Scope
from dynavera.records.database import Database
from dynavera.records.documents import DocumentRecords
from mcp_service.knowledge.bm25 import Bm25Index
from mcp_service.knowledge.embedders import Embedder, WordLlamaEmbedder, open_embedder
from mcp_service.knowledge.extraction.extractors import Extractors
from mcp_service.knowledge.extraction.refusing import FileRefused
from mcp_service.knowledge.index import Index
from mcp_service.knowledge.indexing import Indexing
from mcp_service.knowledge.intake import File, Intake
from mcp_service.knowledge.search import Search
from mcp_service.refusals import Refused

DEFAULT_COLLECTION = "default"

LOCK_WAIT_SECONDS = 5
"""How long a start waits for the service before it to let go."""

LOCK_POLL_SECONDS = 0.1


class UnknownCollection(Refused):
    """The user has no document in the collection."""

    code: ClassVar[str] = "unknown_collection"
    status: ClassVar[int] = status.HTTP_404_NOT_FOUND


class KnowledgeInUse(Exception):
    """Another process has the indexes open."""


@dataclass(frozen=True)
class Indexes:
    """The two indexes, and the embedder that one of them uses."""

    embedder: Embedder
    vectors: Index
    bm25: Index


class Knowledge:
    """The documents of all users, each searched alone."""

    def __init__(self, records: DocumentRecords, indexes: Indexes, extractors: Extractors) -> None:
        self.records = records
        self.indexes = indexes
        self.indexing = Indexing(ChangeLog(records.database), (indexes.vectors, indexes.bm25))
        self._intake = Intake(records, extractors)
        self._search = Search(records, indexes.vectors, indexes.bm25)

    async def take(self, user_id: UUID, collection: str, files: Sequence[File]) -> list[Document | FileRefused]:
        """Take files in, and say what became of each; when this returns, the documents can be retrieved.

        Raises:
            Rebuilding: the indexes are being rebuilt; nothing was taken in.
        """
        self.indexing.check_not_rebuilding()
        taken = await self._intake.take(user_id, collection, files)
        await self.indexing.catch_up()
        return taken

    async def delete(self, user_id: UUID, document_id: UUID) -> None:
        """Forget a document; when this returns, it is in neither index.

        Raises:
            DocumentNotFound: the user has no such document.
            Rebuilding: the indexes are being rebuilt; the document is still there.
        """
        self.indexing.check_not_rebuilding()
        await self.records.delete(user_id, document_id)
        await self.indexing.catch_up()

    async def retrieve(self, user_id: UUID, collection: str, query: str, top_k: int) -> list[FoundPassage]:
        """The passages that fit `query`, by what they mean and by their words, the best first.

        Raises:
            UnknownCollection: the user has no documents there; the default collection may be empty.
            Rebuilding: the indexes are made anew.
        """
        scope = Scope(user_id, collection)
        found = await self.indexing.searched(lambda: self._search.found(scope, query, top_k))
        # An index names no passage of a collection that is not there, so only silence needs to be looked into.
        if found or collection == DEFAULT_COLLECTION or await self.records.has_collection(user_id, collection):
            return found
        raise UnknownCollection(f"There is no collection {collection!r}: it has no documents.")


@asynccontextmanager
async def open_knowledge(
    folder: Path, embedder_name: str, database: Database, words: WordLlamaEmbedder | None = None
) -> AsyncGenerator[Knowledge]:
    """The knowledge whose indexes are in `folder`, caught up with the records; only one process can have it open.

    `words` is the embedder that it uses where that is wordllama, so that others can use the same.

    Raises:
        KnowledgeInUse: another process has.
        EmbedderUnavailable: the embedder cannot be used.
    """
    extractors = Extractors()
    with ExitStack() as held:
        opening = asyncio.ensure_future(asyncio.to_thread(_open, held, folder, embedder_name, words))
        try:
            indexes = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # A thread cannot be left: what it has opened by its end is closed then.
            await asyncio.gather(opening, return_exceptions=True)
            raise
        knowledge = Knowledge(DocumentRecords(database), indexes, extractors)
        await knowledge.indexing.catch_up()
        try:
            yield knowledge
        finally:
            await knowledge.indexing.close()
            await extractors.close()


def _open(held: ExitStack, folder: Path, embedder_name: str, words: WordLlamaEmbedder | None) -> Indexes:
    # Chroma takes a second to import, and this is the only place that needs it.
    from mcp_service.knowledge.vectors import VectorIndex

    folder.mkdir(parents=True, exist_ok=True)
    held.enter_context(_locked(folder / "lock"))
    embedder = open_embedder(embedder_name, words)
    vectors = held.enter_context(closing(VectorIndex(folder / "vectors", embedder)))
    bm25 = held.enter_context(closing(Bm25Index(folder)))
    return Indexes(embedder, vectors, bm25)


@contextmanager
def _locked(file: Path) -> Generator[None]:
    # The lock goes with the process, however that ends. A second process in Chroma's files would hang for minutes.
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    with file.open("a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise KnowledgeInUse(
                        f"Another MCP service has {str(file.parent)!r} open. "
                        "Stop it, or set DYNAVERA_DATA_DIR to another folder."
                    ) from error
                time.sleep(LOCK_POLL_SECONDS)
            else:
                break
        yield
