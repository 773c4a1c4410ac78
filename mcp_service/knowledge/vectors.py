"""The vector index: Chroma with one collection for each scope, which stores vectors without texts."""

import hashlib
import os
import re
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import cast
from uuid import UUID

import chromadb
import numpy as np
from chromadb.api.client import Client
from chromadb.api.models.Collection import Collection
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import NotFoundError

from dynavera.records.change_log import CurrentDocument, IndexedPassage, Scope
from mcp_service.knowledge.embedders import Embedder
from mcp_service.knowledge.index import Hit, indexed_text

FORMAT = 3
"""Incremented when the embedded content of a passage changes: the index is then rebuilt in a new folder."""

BATCH = 1000
"""Vectors per call to Chroma."""

CACHED_QUERIES = 16
"""Vectors of recent queries; each is needed twice."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (revision INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS entries (passage_id TEXT PRIMARY KEY, document_id TEXT NOT NULL, collection TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS entries_of_documents ON entries (document_id);
INSERT INTO state SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM state);
"""


class VectorIndex:
    """Finds passages by meaning.

    Chroma has no transactions, and finding a document's vectors by metadata is slow, so a small catalogue lists the
    stored ids. It is written before Chroma, so that after a crash it lists too many ids rather than too few; the
    revision is updated last, so an interrupted change is repeated.
    """

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self._embedder = embedder
        self._query_vector = lru_cache(CACHED_QUERIES)(embedder.embed_query)
        home = folder / _slug(embedder)
        home.mkdir(parents=True, exist_ok=True)
        _remove_older(folder)
        self._catalogue = home / "catalogue.sqlite3"
        with closing(self._open()) as catalogue:
            catalogue.executescript(_SCHEMA)
        self._chroma = cast(
            "Client",
            chromadb.PersistentClient(
                path=os.fspath(home / "chroma"), settings=ChromaSettings(anonymized_telemetry=False)
            ),
        )
        self._collections: dict[str, Collection] = {}

    def revision(self) -> int:
        """The revision of the records that it has reached."""
        with closing(self._open()) as catalogue:
            return catalogue.execute("SELECT revision FROM state").fetchone()[0]

    def apply(self, documents: Sequence[CurrentDocument], revision: int) -> None:
        """Index the current state of `documents`, and set the revision."""
        new: defaultdict[str, list[IndexedPassage]] = defaultdict(list)
        for document in documents:
            new[_name(document.scope)] += document.passages
        with closing(self._open()) as catalogue:
            self._remove(_entries(catalogue, documents))
            _update_entries(catalogue, documents)
            for name, passages in new.items():
                self._add(name, passages)
            catalogue.execute("UPDATE state SET revision = ?", (revision,))

    def clear(self) -> None:
        """Remove everything, and set the revision to 0."""
        with closing(self._open()) as catalogue:
            catalogue.execute("UPDATE state SET revision = 0")
            for collection in self._chroma.list_collections():
                self._chroma.delete_collection(collection.name)
            self._collections.clear()
            catalogue.execute("DELETE FROM entries")

    def search(self, scope: Scope, query: str, limit: int) -> list[Hit]:
        """The passages whose vectors are nearest to the query's, nearest first; the score is the cosine."""
        collection = self._existing(_name(scope))
        if collection is None:
            return []
        vector = self._query_vector(query)
        try:
            found = collection.query(query_embeddings=vector, n_results=limit, include=["distances"])
        except NotFoundError:
            # The index was cleared meanwhile.
            return []
        [distances] = found["distances"] or [[]]
        return [
            Hit(passage_id.replace("-", ""), 1 - distance)
            for passage_id, distance in zip(found["ids"][0], distances, strict=True)
        ]

    def scores(self, scope: Scope, query: str, keys: Sequence[str]) -> dict[str, float]:
        """The cosines of these passages' vectors and the query's."""
        collection = self._existing(_name(scope))
        if collection is None or not keys:
            return {}
        try:
            found = collection.get(ids=[str(UUID(key)) for key in keys], include=["embeddings"])
        except NotFoundError:
            return {}
        if not found["ids"]:
            return {}
        vectors = np.asarray(found["embeddings"], dtype=np.float32)
        cosines = (vectors @ self._query_vector(query)[0]).tolist()
        return {passage_id.replace("-", ""): cosine for passage_id, cosine in zip(found["ids"], cosines, strict=True)}

    def close(self) -> None:
        """Close Chroma's files."""
        self._chroma.close()

    def _remove(self, entries: Mapping[str, Sequence[str]]) -> None:
        for name, ids in entries.items():
            collection = self._collection(name)
            for start in range(0, len(ids), BATCH):
                collection.delete(ids=list(ids[start : start + BATCH]))

    def _add(self, name: str, passages: Sequence[IndexedPassage]) -> None:
        for start in range(0, len(passages), BATCH):
            batch = passages[start : start + BATCH]
            vectors = self._embedder.embed([indexed_text(passage.heading, passage.text) for passage in batch])
            self._collection(name).upsert(ids=[str(passage.id) for passage in batch], embeddings=vectors)

    def _existing(self, name: str) -> Collection | None:
        if name not in self._collections:
            try:
                self._collections[name] = self._chroma.get_collection(name, embedding_function=None)
            except NotFoundError:
                return None
        return self._collections.get(name)

    def _collection(self, name: str) -> Collection:
        return self._existing(name) or self._chroma.create_collection(
            name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._catalogue, timeout=10, isolation_level=None)


def _entries(catalogue: sqlite3.Connection, documents: Sequence[CurrentDocument]) -> dict[str, list[str]]:
    """The stored passage ids of the documents, by Chroma collection."""
    entries: defaultdict[str, list[str]] = defaultdict(list)
    for document in documents:
        for passage_id, name in catalogue.execute(
            "SELECT passage_id, collection FROM entries WHERE document_id = ?", (str(document.document_id),)
        ):
            entries[name].append(passage_id)
    return entries


def _update_entries(catalogue: sqlite3.Connection, documents: Sequence[CurrentDocument]) -> None:
    catalogue.execute("BEGIN IMMEDIATE")
    with catalogue:
        catalogue.executemany(
            "DELETE FROM entries WHERE document_id = ?", [(str(document.document_id),) for document in documents]
        )
        catalogue.executemany(
            "INSERT OR REPLACE INTO entries (passage_id, document_id, collection) VALUES (?, ?, ?)",
            [
                (str(passage.id), str(document.document_id), _name(document.scope))
                for document in documents
                for passage in document.passages
            ],
        )


def _name(scope: Scope) -> str:
    # In hexadecimal, because Chroma refuses some valid collection names (two dots, a hyphen at the end).
    return f"{scope.user_id.hex}-{scope.collection.encode().hex()}"


def _slug(embedder: Embedder) -> str:
    readable = re.sub(r"[^A-Za-z0-9]+", "-", embedder.name).strip("-")[:40]
    return f"{readable}-{hashlib.sha256(embedder.identity.encode()).hexdigest()[:8]}-{FORMAT}"


def _remove_older(folder: Path) -> None:
    # The indexes of other embedders stay, for when an earlier embedder is configured again.
    for older in folder.iterdir():
        if older.is_dir() and not older.name.endswith(f"-{FORMAT}"):
            shutil.rmtree(older)
