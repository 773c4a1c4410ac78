"""Fuses the rankings of two indexes: their scores are scaled to 0 to 1, and averaged; exact matches come first."""

from collections.abc import Mapping, Sequence

from mcp_service.knowledge.index import Hit


def fuse_scores(rankings: Sequence[tuple[Sequence[Hit], float]]) -> dict[str, float]:
    """The fused score of each passage, from 0 to 1: the mean of its scores, each scaled from the floor to the best one.

    A ranking's floor is the most that a passage outside it can have. Unlike ranks, scores distinguish a clear winner
    from a narrow one (Bruch, Gai and Ingber 2023, "An Analysis of Fusion Functions for Hybrid Retrieval").
    """
    scores: dict[str, float] = {}
    for hits, floor in rankings:
        for hit in hits:
            scores[hit.key] = scores.get(hit.key, 0.0) + _scale(hit.score, floor, hits[0].score)
    return {key: value / len(rankings) for key, value in scores.items()}


def prefer_exact(scores: Mapping[str, float], hits: Sequence[Hit]) -> dict[str, float]:
    """Scores from 0 to 1 that put passages with the codes and phrases of the query before all others.

    A code that is only similar to the one in the question is a wrong answer, however well the rest matches.
    """
    exact = {hit.key: hit.exact for hit in hits if hit.exact}
    if not exact:
        return dict(scores)
    return {key: (score + exact.get(key, 0.0)) / 2 for key, score in scores.items()}


def _scale(score: float, floor: float, best: float) -> float:
    return (score - floor) / (best - floor) if best > floor else 1.0
