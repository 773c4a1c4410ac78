"""Searches both indexes, fuses their scores, and loads the passages from the records."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from dynavera.contracts.documents import FoundPassage
from dynavera.records.change_log import Scope
from dynavera.records.documents import DocumentRecords, LocatedPassage
from mcp_service.knowledge.fusion import fuse_scores, prefer_exact
from mcp_service.knowledge.index import Hit, Index
from mcp_service.knowledge.splitting import HEADING_SEPARATOR

CANDIDATES = 100
"""The least number of hits from each index, before fusion."""

SPARE = 4
"""Extra passages to load, because some may have been deleted."""

REFERENCE_HEADINGS = frozenset(
    {
        "bibliography", "citations", "external links", "footnotes", "further reading", "literature", "literature cited",
        "notes and references", "references", "related links", "related pages", "see also", "works cited",
    }
)  # fmt: skip
"""Sections that only refer to other texts."""

REFERENCE_WEIGHT = 0.5
"""The weight of a passage in such a section: as if only one of the two indexes had found it."""

_NUMBER = re.compile(r"^[\d.]+\s+")


@dataclass(frozen=True)
class Ranking:
    """The fused score of each hit by its key, best first, and its rank in each index."""

    scores: Mapping[str, float]
    vector_ranks: Mapping[str, int]
    bm25_ranks: Mapping[str, int]

    @classmethod
    def fuse(
        cls,
        vector_hits: Sequence[Hit],
        bm25_hits: Sequence[Hit],
        other_vector_scores: Mapping[str, float],
        other_bm25_scores: Mapping[str, float],
    ) -> "Ranking":
        """The ranking of both indexes' hits; the other scores are those of passages that only the other index found."""
        vectors = {hit.key: hit.score for hit in vector_hits} | dict(other_vector_scores)
        bm25 = {hit.key: hit.score for hit in bm25_hits} | dict(other_bm25_scores)
        scores = prefer_exact(fuse_scores([vectors, bm25]), bm25_hits)
        best_first = sorted(scores, key=lambda key: (-scores[key], key))
        return cls({key: scores[key] for key in best_first}, _ranks(vector_hits), _ranks(bm25_hits))


@dataclass(frozen=True)
class SearchResult:
    """The passages, best first, and the records' revision at that time; None if nothing was found."""

    passages: list[FoundPassage]
    revision: int | None


@dataclass(frozen=True)
class Search:
    """Finds passages by meaning and by words."""

    records: DocumentRecords
    vectors: Callable[[], Index]
    bm25: Index

    async def find(self, scope: Scope, query: str, top_k: int) -> SearchResult:
        """The passages of `scope` that match `query`, best first."""
        limit = max(CANDIDATES, 2 * top_k)
        ranking = await asyncio.to_thread(self._rank, scope, query, limit)
        remaining = list(ranking.scores)
        found: list[FoundPassage] = []
        revision: int | None = None
        # A loaded passage may score less than its rank suggests, so one that is not loaded yet may score more; one that
        # scores as much may have the same text.
        while remaining and (len(found) < top_k or found[top_k - 1].score <= ranking.scores[remaining[0]]):
            batch, remaining = [UUID(key) for key in remaining[: top_k + SPARE]], remaining[top_k + SPARE :]
            located = await self.records.located(scope.user_id, scope.collection, batch)
            revision = next((passage.revision for passage in located.values()), revision)
            # An index may be behind: passages that the records no longer have are left out.
            found += [_to_found_passage(located[passage_id], ranking) for passage_id in batch if passage_id in located]
            found = _without_duplicates(sorted(found, key=lambda passage: -passage.score))
        return SearchResult(found[:top_k], revision)

    def _rank(self, scope: Scope, query: str, limit: int) -> Ranking:
        # Sequentially: two threads that compete for the GIL take longer.
        vectors = self.vectors()
        vector_hits = vectors.search(scope, query, limit)
        bm25_hits = self.bm25.search(scope, query, limit)
        by_vector, by_bm25 = ({hit.key for hit in hits} for hits in (vector_hits, bm25_hits))
        # What only one index has found is not worthless to the other one.
        other_vector_scores = vectors.scores(scope, query, sorted(by_bm25 - by_vector))
        other_bm25_scores = self.bm25.scores(scope, query, sorted(by_vector - by_bm25)) if bm25_hits else {}
        return Ranking.fuse(vector_hits, bm25_hits, other_vector_scores, other_bm25_scores)


def _without_duplicates(found: Sequence[FoundPassage]) -> list[FoundPassage]:
    """The passages in order; the first with a text has the names of the other documents with it."""
    by_text: dict[str, FoundPassage] = {}
    for passage in found:
        first = by_text.setdefault(passage.sha256, passage)
        names = [name for name in (passage.document, *passage.also_in) if name not in (first.document, *first.also_in)]
        if names:
            by_text[passage.sha256] = first.model_copy(update={"also_in": [*first.also_in, *names]})
    return list(by_text.values())


def _ranks(hits: Sequence[Hit]) -> dict[str, int]:
    return {hit.key: rank for rank, hit in enumerate(hits, start=1)}


def _is_reference(heading: str) -> bool:
    last = heading.rpartition(HEADING_SEPARATOR)[2]
    return _NUMBER.sub("", last).strip(" :*_").lower() in REFERENCE_HEADINGS


def _to_found_passage(located: LocatedPassage, ranking: Ranking) -> FoundPassage:
    passage = located.passage
    key = passage.passage_id.hex
    score = ranking.scores[key]
    return FoundPassage(
        document_id=passage.document_id,
        document=located.document,
        passage_id=passage.passage_id,
        text=passage.text,
        score=score * REFERENCE_WEIGHT if _is_reference(passage.heading) else score,
        sha256=passage.sha256,
        heading=passage.heading,
        start=passage.start,
        end=passage.end,
        page=passage.page,
        vector_rank=ranking.vector_ranks.get(key),
        bm25_rank=ranking.bm25_ranks.get(key),
    )
