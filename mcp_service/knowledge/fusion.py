"""From two rankings to one: each index's scores are brought to the same scale, and averaged."""

from collections.abc import Sequence

from mcp_service.knowledge.index import Hit


def fused(rankings: Sequence[tuple[Sequence[Hit], float]]) -> dict[str, float]:
    """What each passage is worth, from 0 to 1: the mean of its scores, each from its ranking's floor to its best.

    A ranking comes with its floor, what a passage that it does not name has at most. Unlike ranks, scores tell a clear
    winner from one among equals (Bruch, Gai and Ingber 2023, "An Analysis of Fusion Functions for Hybrid Retrieval").
    """
    worth: dict[str, float] = {}
    for hits, floor in rankings:
        for hit in hits:
            worth[hit.key] = worth.get(hit.key, 0.0) + _scaled(hit.score, floor, hits[0].score)
    return {key: value / len(rankings) for key, value in worth.items()}


def _scaled(score: float, floor: float, best: float) -> float:
    return (score - floor) / (best - floor) if best > floor else 1.0
