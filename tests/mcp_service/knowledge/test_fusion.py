"""Fusion of two rankings."""

import pytest

from mcp_service.knowledge.fusion import fuse_scores, prefer_exact
from mcp_service.knowledge.index import Hit

A, B, C, D = "abcd"


def test_the_fused_score_is_the_mean_of_both() -> None:
    by_vector, by_bm25 = {A: 0.9, B: 0.7, C: 0.5, D: 0.6}, {A: 0.0, B: 12.0, C: 0.0, D: 3.0}

    assert fuse_scores([by_vector, by_bm25]) == pytest.approx({A: 0.5, B: 0.75, C: 0.0, D: 0.25})


def test_a_clear_winner_outweighs_a_narrow_one() -> None:
    scores = fuse_scores([{A: 0.51, B: 0.50, C: 0.10}, {A: 5.0, B: 20.0}])

    assert scores[B] > scores[A] > scores[C]


def test_a_candidate_that_an_index_does_not_have_counts_as_its_worst() -> None:
    assert fuse_scores([{A: 0.9, B: 0.1}, {A: 2.0, B: 1.0, C: 3.0}]) == {A: 0.75, B: 0.0, C: 0.5}


def test_equal_hits_all_get_the_best_score() -> None:
    assert fuse_scores([{A: 0.3, B: 0.3}, {}]) == {A: 0.5, B: 0.5}


def test_no_hits_give_no_scores() -> None:
    assert fuse_scores([{}, {}]) == {}


def test_exact_matches_come_first() -> None:
    scores = prefer_exact({A: 1.0, B: 0.5, C: 0.5}, [Hit(A, 9.0), Hit(B, 1.0, exact=1.0)])

    assert scores == {A: 0.5, B: 0.75, C: 0.25}


def test_scores_stay_without_exact_matches() -> None:
    assert prefer_exact({A: 1.0, B: 0.5}, [Hit(A, 9.0)]) == {A: 1.0, B: 0.5}
