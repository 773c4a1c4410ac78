"""Quality measures of rankings."""

import math

import pytest

from benchmarks.retrieval.measures import ndcg, recall


def test_ndcg_is_the_normalized_discounted_gain() -> None:
    gains = {"q": {"a": 3, "b": 1}, "r": {"c": 1}}

    found = ndcg({"q": ["x", "a", "b"], "r": ["c"]}, gains)

    best = 3 + 1 / math.log2(3)
    assert found == pytest.approx(((3 / math.log2(3) + 1 / math.log2(4)) / best + 1) / 2)


def test_only_the_first_ten_documents_count() -> None:
    ranked = {"q": [f"x{number}" for number in range(10)] + ["a"]}

    assert ndcg(ranked, {"q": {"a": 1}}) == recall(ranked, {"q": {"a": 1}}) == 0


def test_recall_ignores_documents_without_gain() -> None:
    assert recall({"q": ["a", "x"]}, {"q": {"a": 1, "b": 2, "x": 0}}) == pytest.approx(0.5)
