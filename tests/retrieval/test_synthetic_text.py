"""Made documents."""

from benchmarks.retrieval.synthetic_text import synthetic_documents
from mcp_service.knowledge.splitting import split_passages


def test_made_documents_have_as_many_passages_as_asked_and_are_always_the_same() -> None:
    made = list(synthetic_documents(["heat in slabs", "wings in a slipstream"], 120))

    assert sum(len(split_passages(text, headings=True)) for _, text in made) == 120
    assert made == list(synthetic_documents(["heat in slabs", "wings in a slipstream"], 120))
    assert len({name for name, _ in made}) == len(made) == 3
