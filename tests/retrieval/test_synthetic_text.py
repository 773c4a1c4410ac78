"""Synthetic documents."""

from benchmarks.retrieval.synthetic_text import synthetic_documents
from dynavera.contracts.media_types import MARKDOWN
from mcp_service.knowledge.extraction.readers import read


def test_synthetic_documents_are_deterministic_with_the_requested_passages() -> None:
    documents = list(synthetic_documents(["heat in slabs", "wings in a slipstream"], 120))

    assert sum(len(read(MARKDOWN, text.encode(), lambda: None)[1]) for _, text in documents) == 120
    assert documents == list(synthetic_documents(["heat in slabs", "wings in a slipstream"], 120))
    assert len({name for name, _ in documents}) == len(documents) == 3
