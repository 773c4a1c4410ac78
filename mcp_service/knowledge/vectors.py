"""The vector index: Chroma, one collection for each scope, given vectors and never text."""

import hashlib
import os
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import cast
from uuid import UUID

import chromadb
from chromadb.api.client import Client
from chromadb.api.models.Collection import Collection
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import NotFoundError

from mcp_service.knowledge.embedders import Embedder
from mcp_service.knowledge.index import CurrentDocument, Scope

FORMAT = 1
"""Raised when what is embedded of a passage changes: another folder is then used, and filled anew."""

BATCH = 1000
"""Vectors given to Chroma at a time."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (revision INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS entries (passage_id TEXT PRIMARY KEY, document_id TEXT NOT NULL, collection TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS entries_of_documents ON entries (document_id);
INSERT INTO state SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM state);
"""


class VectorIndex:
    """Finds passages by what they mean.

    Chroma has no transactions, and finding a document's vectors by their metadata is slow, so a small catalogue beside
    it says which ids are there. It is written before Chroma is, and names too many after a crash rather than too few;
    the revision is raised last, so that the change is then made again.
    """

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self._embedder = embedder
        home = folder / _slug(embedder.name)
        home.mkdir(parents=True, exist_ok=True)
        self._catalogue = home / "catalogue.sqlite3"
        with closing(self._open()) as catalogue:
            catalogue.executescript(_SCHEMA)
        self._chroma = cast(
            "Client",
            chromadb.PersistentClient(
                path=os.fspath(home / "chroma"), settings=ChromaSettings(anonymized_telemetry=False)
            ),
        )

    def revision(self) -> int:
        """The last change that it holds."""
        with closing(self._open()) as catalogue:
            return catalogue.execute("SELECT revision FROM state").fetchone()[0]

    def apply(self, documents: Sequence[CurrentDocument], revision: int) -> None:
        """Hold what `documents` are now, and be at `revision`."""
        with closing(self._open()) as catalogue:
            for document in documents:
                self._remove(catalogue, document.document_id)
                self._add(catalogue, document)
            catalogue.execute("UPDATE state SET revision = ?", (revision,))

    def clear(self) -> None:
        """Hold nothing, and be at revision 0."""
        with closing(self._open()) as catalogue:
            catalogue.execute("UPDATE state SET revision = 0")
            for collection in self._chroma.list_collections():
                self._chroma.delete_collection(collection.name)
            catalogue.execute("DELETE FROM entries")

    def search(self, scope: Scope, query: str, limit: int) -> list[UUID]:
        """The passages whose vectors are nearest to the query's, the nearest first."""
        try:
            collection = self._chroma.get_collection(_name(scope), embedding_function=None)
        except NotFoundError:
            return []
        vectors = self._embedder.embed([query])
        found = collection.query(query_embeddings=vectors, n_results=limit, include=["distances"])
        return [UUID(passage_id) for passage_id in found["ids"][0]]

    def close(self) -> None:
        """Let go of Chroma's files."""
        self._chroma.close()

    def _remove(self, catalogue: sqlite3.Connection, document_id: UUID) -> None:
        rows = catalogue.execute(
            "SELECT passage_id, collection FROM entries WHERE document_id = ?", (str(document_id),)
        ).fetchall()
        for name in {name for _, name in rows}:
            ids = [passage_id for passage_id, its_collection in rows if its_collection == name]
            collection = self._collection(name)
            for start in range(0, len(ids), BATCH):
                collection.delete(ids=ids[start : start + BATCH])
        catalogue.execute("DELETE FROM entries WHERE document_id = ?", (str(document_id),))

    def _add(self, catalogue: sqlite3.Connection, document: CurrentDocument) -> None:
        if not document.passages:
            return
        name = _name(document.scope)
        catalogue.execute("BEGIN IMMEDIATE")
        with catalogue:
            catalogue.executemany(
                "INSERT OR REPLACE INTO entries (passage_id, document_id, collection) VALUES (?, ?, ?)",
                [(str(passage.id), str(document.document_id), name) for passage in document.passages],
            )
        collection = self._collection(name)
        for start in range(0, len(document.passages), BATCH):
            batch = document.passages[start : start + BATCH]
            vectors = self._embedder.embed([f"{passage.heading}\n{passage.text}" for passage in batch])
            collection.upsert(ids=[str(passage.id) for passage in batch], embeddings=vectors)

    def _collection(self, name: str) -> Collection:
        return self._chroma.get_or_create_collection(
            name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._catalogue, timeout=10, isolation_level=None)


def _name(scope: Scope) -> str:
    # Chroma refuses names that we allow (two dots, a hyphen at the end), so it gets the collection's in hexadecimal.
    return f"{scope.user_id.hex}-{scope.collection.encode().hex()}"


def _slug(embedder: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9]+", "-", embedder).strip("-")[:40]
    return f"{readable}-{hashlib.sha256(embedder.encode()).hexdigest()[:8]}-{FORMAT}"
