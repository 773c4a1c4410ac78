"""`python -m benchmarks.retrieval`: the quality and speed of retrieval, compared with plain Chroma."""

import argparse
import asyncio
import logging
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.retrieval.collection import Collection, CollectionNotFound, read
from benchmarks.retrieval.lookups import read_lookups
from benchmarks.retrieval.measures import Rankings, ndcg, recall
from benchmarks.retrieval.references import PlainChroma, index_rankings, measure_plain_chroma
from benchmarks.retrieval.served import RunningService, run_service
from benchmarks.retrieval.synthetic_text import synthetic_documents
from dynavera.contracts.media_types import MARKDOWN
from mcp_service.knowledge.embedders import EmbedderUnavailable, load_embedder
from mcp_service.knowledge.extraction.readers import read as read_file

WARM_UP = 5


def main() -> None:
    """Run the measurements, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description=__doc__)
    parser.add_argument("--collection", type=Path, required=True, help="folder of a test collection")
    parser.add_argument(
        "--embedder",
        default="wordllama,minilm",
        help="as DYNAVERA_EMBEDDER; several are compared",
    )
    parser.add_argument("--passages", type=int, default=100_000, help="synthetic passages for the large run; 0: none")
    arguments = parser.parse_args()
    # wordllama enables all logging when it is imported, unless logging is configured before.
    logging.basicConfig(level=logging.WARNING)
    try:
        collection = read(arguments.collection)
        tables = asyncio.run(_tables(collection, arguments.embedder.split(","), arguments.passages))
    except (CollectionNotFound, EmbedderUnavailable) as error:
        sys.exit(str(error))
    console = Console(width=120)
    for table in tables:
        console.print(table)


async def _tables(collection: Collection, embedders: Sequence[str], passages: int) -> list[Table]:
    if len(embedders) == 1:
        return await _measure(collection, embedders[0], passages)
    return [await _compare(collection, embedders), await _measure_lookups(embedders)]


async def _compare(collection: Collection, embedders: Sequence[str]) -> Table:
    """The embedders side by side, each in a service of its own."""
    title = f"{collection.name}: {len(collection.texts):,} documents, {len(collection.queries)} queries"
    columns = ["nDCG@10", "recall@10", "found at once, documents/s", "embedded, documents/s"]
    table = _table(title, ["", *columns, "retrieve p50, ms", "p95, ms", "memory, MB"])
    for embedder in embedders:
        served = await _serve_collection(collection, embedder)
        table.add_row(
            embedder,
            f"{ndcg(served.rankings, collection.gains):.3f}",
            f"{recall(served.rankings, collection.gains):.3f}",
            *(f"{len(collection.texts) / seconds:,.0f}" for seconds in (served.ingested, served.embedded)),
            *(f"{1000 * _quantile(served.retrieved, q):.1f}" for q in (0.5, 0.95)),
            f"{served.megabytes:,.0f}",
        )
    return table


async def _measure(collection: Collection, embedder: str, passages: int) -> list[Table]:
    quality, speed = _quality_table(collection, embedder), _speed_table()
    await _measure_collection(collection, embedder, quality, speed)
    if passages:
        await _measure_large(collection, embedder, passages, speed)
    return [quality, await _measure_lookups([embedder]), speed]


async def _measure_lookups(embedders: Sequence[str]) -> Table:
    by_embedder = {embedder: await _count_first(embedder) for embedder in embedders}
    languages = list(by_embedder[embedders[0]])
    table = _table(
        f"Look-ups in {len(languages)} languages: right documents that come first", ["", *languages, "all", "of"]
    )
    for embedder, first in by_embedder.items():
        table.add_row(embedder, *map(str, first.values()), str(first.total()), str(len(read_lookups()[1])))
    return table


async def _count_first(embedder: str) -> Counter[str]:
    """The look-ups of each language whose right document comes first."""
    texts, lookups = read_lookups()
    first: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        async with run_service(Path(folder), embedder) as service:
            await service.ingest(list(texts.items()))
            await service.seconds_until_embedded()
            for each in lookups:
                found = await service.documents_for(each.question)
                first[each.language] += found[:1] == [each.document]
    return first


@dataclass(frozen=True)
class _Served:
    """What the service did with a collection; seconds until the documents were found, and until they were embedded."""

    rankings: dict[str, list[str]]
    ingested: float
    embedded: float
    retrieved: list[float]
    megabytes: float


async def _serve_collection(collection: Collection, embedder: str) -> _Served:
    names = {f"{number}.txt": name for number, name in enumerate(collection.texts)}
    files = list(zip(names, collection.texts.values(), strict=True))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        async with run_service(Path(folder), embedder) as service:
            ingested = await service.ingest(files)
            embedded = ingested + await service.seconds_until_embedded()
            rankings = {
                query: [names[document] for document in await service.documents_for(text)]
                for query, text in collection.queries.items()
            }
            retrieved = await _retrieve_all(service, collection)
            return _Served(rankings, ingested, embedded, retrieved, service.megabytes())


async def _measure_collection(collection: Collection, embedder: str, quality: Table, speed: Table) -> None:
    served = await _serve_collection(collection, embedder)
    plain = await asyncio.to_thread(measure_plain_chroma, collection.texts, collection.queries, embedder)
    bm25, vectors = await asyncio.to_thread(
        index_rankings, collection.texts, collection.queries, await asyncio.to_thread(load_embedder, embedder)
    )
    for name, each in (
        ("Dynavera, over HTTP and MCP", served.rankings),
        ("its BM25 alone", bm25),
        ("its vectors alone", vectors),
        ("plain Chroma, same embedder", plain.rankings),
    ):
        _quality_row(quality, name, each, collection)
    documents = len(collection.texts)
    _speed_row(speed, f"retrieve, {documents:,} documents", "ms", served.retrieved, plain.queries)
    _rate_row(speed, "ingestion", "documents/s", documents / served.ingested, documents / plain.added)
    _rate_row(speed, "until embedded", "documents/s", documents / served.embedded, documents / plain.added)


async def _measure_large(collection: Collection, embedder: str, passages: int, speed: Table) -> None:
    files = list(synthetic_documents(collection.texts.values(), passages))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        async with run_service(Path(folder), embedder) as service:
            ingested = await service.ingest(files)
            await service.seconds_until_embedded()
            count = await service.passages()
            retrieved = await _retrieve_all(service, collection)
            megabytes = service.megabytes()
    texts = {
        f"{name} {new.start}": f"{new.heading}\n{new.text}"
        for name, text in files
        for new in read_file(MARKDOWN, text.encode(), lambda: None)[1]
    }
    plain: PlainChroma = await asyncio.to_thread(measure_plain_chroma, texts, collection.queries, embedder)
    _speed_row(speed, f"retrieve, {count:,} passages", "ms", retrieved, plain.queries)
    _rate_row(speed, f"ingestion, {count:,} passages", "passages/s", count / ingested, len(texts) / plain.added)
    _rate_row(speed, f"memory, {count:,} passages", "MB", megabytes, plain.megabytes)


async def _retrieve_all(service: RunningService, collection: Collection) -> list[float]:
    queries = list(collection.queries.values())
    for query in queries[:WARM_UP]:
        await service.seconds_for(query)
    return [await service.seconds_for(query) for query in queries]


def _quality_table(collection: Collection, embedder: str) -> Table:
    title = f"{collection.name}: {len(collection.texts):,} documents, {len(collection.queries)} queries, {embedder}"
    columns = ["", "nDCG@10", "recall@10", *(["nDCG@10, graded"] if collection.grades else [])]
    return _table(title, columns)


def _speed_table() -> Table:
    return _table("Speed and memory", ["", "", "p50", "p95", "plain Chroma p50", "p95", "ratio of p50"])


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(*columns, title=title, title_justify="left", box=None, header_style="")
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _quality_row(table: Table, name: str, rankings: Rankings, collection: Collection) -> None:
    graded = [f"{ndcg(rankings, collection.grades):.3f}"] if collection.grades else []
    table.add_row(name, f"{ndcg(rankings, collection.gains):.3f}", f"{recall(rankings, collection.gains):.3f}", *graded)


def _speed_row(table: Table, name: str, unit: str, ours: Sequence[float], plain: Sequence[float]) -> None:
    cells = [f"{1000 * _quantile(seconds, q):.1f}" for seconds in (ours, plain) for q in (0.5, 0.95)]
    table.add_row(name, unit, *cells, f"{_quantile(ours, 0.5) / _quantile(plain, 0.5):.2f}")


def _rate_row(table: Table, name: str, unit: str, ours: float, plain: float) -> None:
    table.add_row(name, unit, f"{ours:,.0f}", "", f"{plain:,.0f}", "", f"{ours / plain:.2f}")


def _quantile(values: Sequence[float], q: float) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[round(q * 20) - 1] if len(values) > 1 else values[0]


if __name__ == "__main__":
    main()
