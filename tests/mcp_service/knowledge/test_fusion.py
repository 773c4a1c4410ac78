"""From two rankings to one."""

import pytest

from mcp_service.knowledge.fusion import fuse_scores
from mcp_service.knowledge.index import Hit

A, B, C, D = "abcd"


def test_what_both_name_is_worth_the_mean_of_what_each_says() -> None:
    near, worded = [Hit(A, 0.9), Hit(B, 0.7), Hit(C, 0.5)], [Hit(B, 12.0), Hit(D, 3.0)]

    worth = fuse_scores([(near, 0.5), (worded, 0.0)])

    assert worth == pytest.approx({A: 0.5, B: 0.75, C: 0.0, D: 0.125})


def test_a_clear_winner_of_one_ranking_outweighs_a_narrow_one_of_the_other() -> None:
    near = [Hit(A, 0.51), Hit(B, 0.50), Hit(C, 0.10)]
    worded = [Hit(B, 20.0), Hit(A, 5.0)]

    worth = fuse_scores([(near, 0.10), (worded, 0.0)])

    assert worth[B] > worth[A]


def test_hits_that_are_all_alike_are_all_the_best() -> None:
    assert fuse_scores([([Hit(A, 0.3), Hit(B, 0.3)], 0.3), ([], 0.0)]) == {A: 0.5, B: 0.5}


def test_nothing_found_is_worth_nothing() -> None:
    assert fuse_scores([([], 0.0), ([], 0.0)]) == {}
