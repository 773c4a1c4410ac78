"""The knowledge base: ingests documents, and retrieves passages with two indexes."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from filelock import Timeout
from starlette import status

from dynavera.contracts.contract import DEFAULT_COLLECTION
from dynavera.contracts.documents import Document, FoundPassage, Reindexing
from dynavera.records.change_log import ChangeLog, Scope
from dynavera.records.database import Database
from dynavera.records.documents import DocumentRecords
from dynavera.records.new_documents import NewDocument
from dynavera.web.errors import Refused
from mcp_service.knowledge.background import BackgroundIndexing
from mcp_service.knowledge.bm25 import Bm25Index
from mcp_service.knowledge.embedders import WORDLLAMA, Embedder, WordLlamaEmbedder, load_embedder
from mcp_service.knowledge.extraction.errors import FileRefused
from mcp_service.knowledge.extraction.extractors import ExtractorPool
from mcp_service.knowledge.index import Index
from mcp_service.knowledge.indexing import Indexing
from mcp_service.knowledge.ingestion import Ingestor, SourceFile
from mcp_service.knowledge.minilm.embedder import MiniLmEmbedder
from mcp_service.knowledge.replacement import ReplacementGate
from mcp_service.knowledge.search import Search
from mcp_service.knowledge_lock import knowledge_lock
from mcp_service.limits import ServiceLimits


class UnknownCollection(Refused):
    """The user has no document in the collection."""

    code: ClassVar[str] = "unknown_collection"
    status: ClassVar[int] = status.HTTP_404_NOT_FOUND


class KnowledgeInUse(Exception):
    """Another process has the knowledge open."""


@dataclass(frozen=True)
class SlowVectors:
    """A vector index that follows in the background, and its embedder."""

    index: Index
    embedder: MiniLmEmbedder


@dataclass(frozen=True)
class Indexes:
    """The two indexes that have every document at once, the embedder of the settings, and its vector index if it is
    slow: that one follows in the background."""

    embedder: Embedder
    vectors: Index
    bm25: Index
    slow: SlowVectors | None = None


class Knowledge:
    """The documents of all users; a search covers one collection of one user."""

    def __init__(self, records: DocumentRecords, indexes: Indexes, extractors: ExtractorPool) -> None:
        self.records = records
        self.indexes = indexes
        changes = ChangeLog(records.database)
        self.indexing = Indexing(changes, (indexes.vectors, indexes.bm25))
        slow = indexes.slow
        self.background = BackgroundIndexing(changes, slow.index, slow.embedder) if slow else None
        self._ingestor = Ingestor(records, extractors)
        self._search = Search(records, self._vectors, indexes.bm25)
        self._replacements = ReplacementGate()

    async def ingest(self, user_id: UUID, collection: str, files: Sequence[SourceFile]) -> list[Document | FileRefused]:
        """Ingest files, and return the document or refusal of each; the documents can then be retrieved.

        Raises:
            Rebuilding: the indexes are being rebuilt; nothing was ingested.
        """
        self.indexing.check_not_rebuilding()
        scope = Scope(user_id, collection)
        outcomes = await self._ingestor.ingest(user_id, collection, files, lambda new: self._storing(scope, new))
        # If nothing was new, an earlier write may still be missing.
        await self._catch_up()
        return outcomes

    async def delete(self, user_id: UUID, document_id: UUID) -> None:
        """Delete a document, from both indexes too.

        Raises:
            DocumentNotFound: the user has no such document.
            Rebuilding: the indexes are being rebuilt; the document was not deleted.
        """
        self.indexing.check_not_rebuilding()
        await self.records.delete(user_id, document_id)
        await self._catch_up()

    def rebuild(self, passages: int) -> Reindexing:
        """Start rebuilding all indexes from the `passages` in the records, unless that is running already."""
        if self.indexing.progress().state != "running" and self.background is not None:
            self.background.rebuild()
        return self.indexing.rebuild(passages)

    def progress(self) -> Reindexing:
        """The progress of the current or the last rebuild, and then of indexing in the background."""
        rebuilding = self.indexing.progress()
        if rebuilding.state in {"running", "failed"} or self.background is None:
            return rebuilding
        following = self.background.progress()
        return following if following.state == "running" else rebuilding

    def passages_to_embed(self) -> int:
        """The passages that an embedder in the background has not embedded yet."""
        following = self.background.progress() if self.background is not None else None
        return following.total - following.passages if following and following.state == "running" else 0

    async def close(self) -> None:
        """Stop indexing; the next start continues it."""
        await self.indexing.close()
        if self.background is not None:
            await self.background.close()

    async def retrieve(self, user_id: UUID, collection: str, query: str, top_k: int) -> list[FoundPassage]:
        """The passages that match `query`, by meaning and by words, best first.

        Raises:
            UnknownCollection: the user has no documents there; only the default collection may be empty.
            Rebuilding: the indexes are being rebuilt.
        """
        scope = Scope(user_id, collection)
        # An upload that waits for the rebuild would hold the search up.
        self.indexing.check_not_rebuilding()
        async with self._replacements.searching(scope):
            found = await self.indexing.search(lambda: self._search.find(scope, query, top_k))
        # A collection that does not exist has no passages, so it is looked up only if nothing is found.
        if found or collection == DEFAULT_COLLECTION or await self.records.has_collection(user_id, collection):
            return found
        raise UnknownCollection(f"There is no collection {collection!r}: it has no documents.")

    @asynccontextmanager
    async def _storing(self, scope: Scope, new: Sequence[NewDocument]) -> AsyncGenerator[None]:
        """Store the documents, and index them; searches wait if one of them replaces another."""
        async with AsyncExitStack() as stack:
            if await self.records.has_names(scope.user_id, scope.collection, [document.name for document in new]):
                await stack.enter_async_context(self._replacements.replacing(scope))
            yield
            await self._catch_up()

    def _vectors(self) -> Index:
        slow = self.indexes.slow
        is_current = self.background is not None and self.background.is_current(self.indexing.revision)
        return slow.index if slow and is_current else self.indexes.vectors

    async def _catch_up(self) -> None:
        await self.indexing.catch_up()
        if self.background is not None:
            self.background.notify()


@asynccontextmanager
async def open_knowledge(
    folder: Path,
    embedder_name: str,
    database: Database,
    limits: ServiceLimits = ServiceLimits(),  # noqa: B008 -- frozen
    wordllama: WordLlamaEmbedder | None = None,
) -> AsyncGenerator[Knowledge]:
    """The knowledge with its indexes in `folder`, synchronized with the records; only one process can have it open.

    `wordllama` is an embedder to share, which is used if the settings name wordllama.

    Raises:
        KnowledgeInUse: another process has it open.
        EmbedderUnavailable: the embedder cannot be used.
    """
    extractors = ExtractorPool(limits.extractor_idle)
    with ExitStack() as stack:
        opening = asyncio.ensure_future(asyncio.to_thread(_open, stack, folder, embedder_name, limits, wordllama))
        try:
            indexes = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # A thread cannot be cancelled; the stack closes what it has opened when it is done.
            await asyncio.gather(opening, return_exceptions=True)
            raise
        knowledge = Knowledge(DocumentRecords(database), indexes, extractors)
        await knowledge.indexing.catch_up()
        if knowledge.background is not None:
            knowledge.background.start()
        try:
            yield knowledge
        finally:
            await knowledge.close()
            await extractors.close()


def _open(
    stack: ExitStack, folder: Path, embedder_name: str, limits: ServiceLimits, wordllama: WordLlamaEmbedder | None
) -> Indexes:
    # Imported lazily: Chroma takes a second.
    from mcp_service.knowledge.vectors import VectorIndex

    folder.mkdir(parents=True, exist_ok=True)
    _lock(stack, folder, limits)
    embedder = load_embedder(embedder_name, wordllama)
    bm25 = stack.enter_context(closing(Bm25Index(folder, limits.open_bm25_indexes)))
    vectors = stack.enter_context(closing(VectorIndex(folder / "vectors", embedder)))
    if not isinstance(embedder, MiniLmEmbedder):
        return Indexes(embedder, vectors, bm25)
    light = load_embedder(WORDLLAMA, wordllama)
    fast = stack.enter_context(closing(VectorIndex(folder / "vectors", light)))
    return Indexes(embedder, fast, bm25, SlowVectors(vectors, embedder))


def _lock(stack: ExitStack, folder: Path, limits: ServiceLimits) -> None:
    # A second process in Chroma's files would hang for minutes.
    try:
        stack.enter_context(knowledge_lock(folder, limits.lock_wait.total_seconds()))
    except Timeout as error:
        raise KnowledgeInUse(
            f"Another MCP service has {str(folder)!r} open. Stop it, or set DYNAVERA_DATA_DIR to another folder."
        ) from error
