"""Synthetic documents."""

from benchmarks.retrieval.synthetic_text import synthetic_documents
from mcp_service.knowledge.splitting import split_passages


def test_synthetic_documents_are_deterministic_with_the_requested_passages() -> None:
    documents = list(synthetic_documents(["heat in slabs", "wings in a slipstream"], 120))

    assert sum(len(split_passages(text, headings=True)) for _, text in documents) == 120
    assert documents == list(synthetic_documents(["heat in slabs", "wings in a slipstream"], 120))
    assert len({name for name, _ in documents}) == len(documents) == 3
