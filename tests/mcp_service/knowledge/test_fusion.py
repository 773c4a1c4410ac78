"""Fusion of two rankings."""

import pytest

from mcp_service.knowledge.fusion import fuse_scores, prefer_exact
from mcp_service.knowledge.index import Hit

A, B, C, D = "abcd"


def test_the_fused_score_is_the_mean_of_both() -> None:
    by_vector, by_bm25 = [Hit(A, 0.9), Hit(B, 0.7), Hit(C, 0.5)], [Hit(B, 12.0), Hit(D, 3.0)]

    scores = fuse_scores([(by_vector, 0.5), (by_bm25, 0.0)])

    assert scores == pytest.approx({A: 0.5, B: 0.75, C: 0.0, D: 0.125})


def test_a_clear_winner_outweighs_a_narrow_one() -> None:
    by_vector = [Hit(A, 0.51), Hit(B, 0.50), Hit(C, 0.10)]
    by_bm25 = [Hit(B, 20.0), Hit(A, 5.0)]

    scores = fuse_scores([(by_vector, 0.10), (by_bm25, 0.0)])

    assert scores[B] > scores[A]


def test_equal_hits_all_get_the_best_score() -> None:
    assert fuse_scores([([Hit(A, 0.3), Hit(B, 0.3)], 0.3), ([], 0.0)]) == {A: 0.5, B: 0.5}


def test_no_hits_give_no_scores() -> None:
    assert fuse_scores([([], 0.0), ([], 0.0)]) == {}


def test_exact_matches_come_first() -> None:
    scores = prefer_exact({A: 1.0, B: 0.5, C: 0.5}, [Hit(A, 9.0), Hit(B, 1.0, exact=1.0)])

    assert scores == {A: 0.5, B: 0.75, C: 0.25}


def test_scores_stay_without_exact_matches() -> None:
    assert prefer_exact({A: 1.0, B: 0.5}, [Hit(A, 9.0)]) == {A: 1.0, B: 0.5}
