"""From a question to passages: both indexes are asked, their scores fused, and the records say what is still there."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from dynavera.contracts.documents import FoundPassage
from dynavera.records.change_log import Scope
from dynavera.records.documents import DocumentRecords, PlacedPassage
from mcp_service.knowledge.fusion import fused
from mcp_service.knowledge.index import Hit, Index
from mcp_service.knowledge.splitting import HEADING_SEPARATOR

CANDIDATES = 100
"""Passages that each index names at least, before they are fused."""

SPARE = 4
"""Passages that are looked up beyond those that are asked for, should some be gone."""

POINTING_ELSEWHERE = frozenset(
    {
        "bibliography", "citations", "external links", "footnotes", "further reading", "literature", "literature cited",
        "notes and references", "references", "related links", "related pages", "see also", "works cited",
    }
)  # fmt: skip
"""Sections that name what other texts say, and say nothing themselves."""

POINTER_WORTH = 0.5
"""What such a section's passage is worth of its score: as much as if only one of the two indexes had named it."""

_NUMBER = re.compile(r"^[\d.]+\s+")


@dataclass(frozen=True)
class Ranked:
    """The passages that the indexes name, by their keys, the best first, with what each index says of them."""

    worth: Mapping[str, float]
    near: Mapping[str, int]
    worded: Mapping[str, int]

    @classmethod
    def of(cls, near: Sequence[Hit], worded: Sequence[Hit], limit: int) -> "Ranked":
        """What both say together; each was asked for `limit` passages."""
        # A passage without any of the words has a BM25 of 0; only a list that was cut leaves out better ones.
        least_worded = worded[-1].score if len(worded) == limit else 0.0
        least_near = near[-1].score if near else 0.0
        worth = fused([(near, least_near), (worded, least_worded)])
        best_first = sorted(worth, key=lambda key: (-worth[key], key))
        return cls({key: worth[key] for key in best_first}, _ranks(near), _ranks(worded))


@dataclass(frozen=True)
class Looked:
    """What was found, the best first, and the latest change of the records then; None where nothing was found."""

    passages: list[FoundPassage]
    revision: int | None


@dataclass(frozen=True)
class Search:
    """Finds passages by what they mean and by their words."""

    records: DocumentRecords
    vectors: Index
    bm25: Index

    async def found(self, scope: Scope, query: str, top_k: int) -> Looked:
        """The passages of `scope` that fit `query`, the best first."""
        limit = max(CANDIDATES, 2 * top_k)
        ranked = await asyncio.to_thread(self._ranked, scope, query, limit)
        waiting = list(ranked.worth)
        found: list[FoundPassage] = []
        revision: int | None = None
        # What is found may be worth less than its rank says, so one that is not looked up yet may be worth more.
        while waiting and (len(found) < top_k or found[top_k - 1].score < ranked.worth[waiting[0]]):
            looked_at, waiting = [UUID(key) for key in waiting[: top_k + SPARE]], waiting[top_k + SPARE :]
            placed = await self.records.placed(scope.user_id, scope.collection, looked_at)
            revision = next((passage.revision for passage in placed.values()), revision)
            # An index may be a moment ahead or behind: what the records do not have any more is left out.
            found += [_found(placed[passage_id], ranked) for passage_id in looked_at if passage_id in placed]
            found.sort(key=lambda passage: -passage.score)
        return Looked(found[:top_k], revision)

    def _ranked(self, scope: Scope, query: str, limit: int) -> Ranked:
        # One after the other: two threads that hold the interpreter in turn take longer than both searches.
        near = self.vectors.search(scope, query, limit)
        return Ranked.of(near, self.bm25.search(scope, query, limit), limit)


def _ranks(hits: Sequence[Hit]) -> dict[str, int]:
    return {hit.key: rank for rank, hit in enumerate(hits, start=1)}


def _points_elsewhere(heading: str) -> bool:
    own = heading.rpartition(HEADING_SEPARATOR)[2]
    return _NUMBER.sub("", own).strip(" :*_").lower() in POINTING_ELSEWHERE


def _found(placed: PlacedPassage, ranked: Ranked) -> FoundPassage:
    passage = placed.passage
    key = passage.passage_id.hex
    worth = ranked.worth[key]
    return FoundPassage(
        document_id=passage.document_id,
        document=placed.document,
        passage_id=passage.passage_id,
        text=passage.text,
        score=worth * POINTER_WORTH if _points_elsewhere(passage.heading) else worth,
        sha256=passage.sha256,
        heading=passage.heading,
        start=passage.start,
        end=passage.end,
        page=passage.page,
        vector_rank=ranked.near.get(key),
        bm25_rank=ranked.worded.get(key),
    )
