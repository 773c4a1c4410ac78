"""Fuses the rankings of two indexes: their scores are scaled to 0 to 1, and averaged; exact matches come first."""

from collections.abc import Mapping, Sequence

from mcp_service.knowledge.index import Hit


def fuse_scores(by_index: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each candidate's scores, each scaled to 0 to 1 over the candidates of the query.

    A candidate that an index does not have counts as its worst one. Unlike ranks, scores distinguish a clear winner
    from a narrow one (Bruch, Gai and Ingber 2023, "An Analysis of Fusion Functions for Hybrid Retrieval").
    """
    fused = dict.fromkeys((key for scores in by_index for key in scores), 0.0)
    for scores in by_index:
        worst, best = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
        for key, score in scores.items():
            fused[key] += (score - worst) / (best - worst) if best > worst else 1.0
    return {key: value / len(by_index) for key, value in fused.items()}


def prefer_exact(scores: Mapping[str, float], hits: Sequence[Hit]) -> dict[str, float]:
    """Scores from 0 to 1 that put passages with the codes and phrases of the query before all others.

    A code that is only similar to the one in the question is a wrong answer, however well the rest matches.
    """
    exact = {hit.key: hit.exact for hit in hits if hit.exact}
    if not exact:
        return dict(scores)
    return {key: (score + exact.get(key, 0.0)) / 2 for key, score in scores.items()}
