"""Quality measures of rankings."""

import math
import statistics
from collections.abc import Mapping, Sequence

DEPTH = 10
"""The documents of a ranking that are evaluated."""

Rankings = Mapping[str, Sequence[str]]
Judgements = Mapping[str, Mapping[str, int]]


def ndcg(rankings: Rankings, gains: Judgements) -> float:
    """Normalized discounted cumulative gain at 10, with linear gains as in trec_eval."""
    return statistics.mean(_ndcg(rankings[query], gains[query]) for query in rankings)


def recall(rankings: Rankings, gains: Judgements) -> float:
    """The share of a query's relevant documents that are among the first ten."""
    return statistics.mean(_recall(rankings[query], gains[query]) for query in rankings)


def _ndcg(ranked: Sequence[str], gains: Mapping[str, int]) -> float:
    ideal = _discounted(sorted(gains.values(), reverse=True))
    return _discounted([gains.get(document, 0) for document in ranked]) / ideal if ideal else 0.0


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains[:DEPTH], start=1))


def _recall(ranked: Sequence[str], gains: Mapping[str, int]) -> float:
    relevant = {document for document, gain in gains.items() if gain > 0}
    return len(relevant & set(ranked[:DEPTH])) / len(relevant) if relevant else 0.0
