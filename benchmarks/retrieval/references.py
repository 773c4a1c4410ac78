"""Baselines: plain Chroma in a separate process, and each index alone."""

import multiprocessing
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import chromadb
import psutil
from chromadb.config import Settings as ChromaSettings

from dynavera.records.change_log import CurrentDocument, IndexedPassage, Scope
from mcp_service.knowledge.bm25 import Bm25Index
from mcp_service.knowledge.embedders import Embedder, load_embedder
from mcp_service.knowledge.index import Index
from mcp_service.knowledge.search import CANDIDATES
from mcp_service.knowledge.splitting import split_passages
from mcp_service.knowledge.vectors import VectorIndex
from mcp_service.limits import ServiceLimits

BATCH = 1000
SCOPE = Scope(UUID(int=1), "default")


@dataclass(frozen=True)
class PlainChroma:
    """The rankings, times and memory of plain Chroma."""

    rankings: dict[str, list[str]]
    added: float
    queries: list[float]
    megabytes: float


def measure_plain_chroma(texts: Mapping[str, str], queries: Mapping[str, str], embedder: str) -> PlainChroma:
    """Index whole texts with the same embedder, in a separate process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_plain_chroma, dict(texts), dict(queries), embedder).result()


def _plain_chroma(texts: dict[str, str], queries: dict[str, str], embedder_name: str) -> PlainChroma:
    embedder = load_embedder(embedder_name)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        client = chromadb.PersistentClient(folder, settings=ChromaSettings(anonymized_telemetry=False))
        collection = client.create_collection(
            "texts", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        began = time.perf_counter()
        ids = list(texts)
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            documents = [texts[name] for name in batch]
            collection.add(ids=batch, documents=documents, embeddings=embedder.embed(documents))
        added = time.perf_counter() - began
        rankings: dict[str, list[str]] = {}
        seconds: list[float] = []
        for query, text in queries.items():
            began = time.perf_counter()
            found = collection.query(query_embeddings=embedder.embed_query(text), n_results=10, include=["documents"])
            seconds.append(time.perf_counter() - began)
            rankings[query] = found["ids"][0]
        return PlainChroma(rankings, added, seconds, psutil.Process().memory_info().rss / 1e6)


def index_rankings(
    texts: Mapping[str, str], queries: Mapping[str, str], embedder: Embedder
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The rankings of the two indexes of the service, each alone: BM25, vectors."""
    owners: dict[UUID, str] = {}
    documents: list[CurrentDocument] = []
    for name, text in texts.items():
        passages = [IndexedPassage(uuid4(), new.heading, new.text) for new in split_passages(text)]
        owners.update((passage.id, name) for passage in passages)
        documents.append(CurrentDocument(SCOPE, uuid4(), passages))

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        with closing(Bm25Index(Path(folder), ServiceLimits().open_bm25_indexes)) as bm25:
            by_bm25 = _rankings(bm25, documents, queries, owners)
        with closing(VectorIndex(Path(folder) / "vectors", embedder)) as vectors:
            return by_bm25, _rankings(vectors, documents, queries, owners)


def _rankings(
    index: Index, documents: Sequence[CurrentDocument], queries: Mapping[str, str], owners: Mapping[UUID, str]
) -> dict[str, list[str]]:
    index.apply(documents, 1)
    return {
        query: list(dict.fromkeys(owners[hit.passage_id] for hit in index.search(SCOPE, text, CANDIDATES)))
        for query, text in queries.items()
    }
