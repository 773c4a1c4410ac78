"""Whether an answer cites one of its sources."""

import pytest

from dynavera.uncited_answers import cites_none, cites_source


@pytest.mark.parametrize("answer", ["Light passes [1].", "Light passes [9, 2].", "Light passes [2–4].", "Light[ 3 ]"])
def test_an_answer_with_the_number_of_a_source_cites_it(answer: str) -> None:
    assert cites_source(answer, 4)


@pytest.mark.parametrize("answer", ["", "Light passes.", "Light passes [5].", "[a] or [1a] or (1)", "[0]"])
def test_other_answers_cite_no_source(answer: str) -> None:
    assert not cites_source(answer, 4)


def test_without_sources_none_is_cited() -> None:
    assert not cites_source("Light passes [1].", 0)


@pytest.mark.parametrize(
    ("generator", "answer", "sources", "expected"),
    [
        ("openai:m", "Light passes.", 2, True),
        ("openai:m", "Light passes [2].", 2, False),
        ("openai:m", "Light passes.", 0, False),
        ("extractive", "This was not found in the documents.", 2, False),
    ],
)
def test_an_answer_of_a_model_that_cites_nothing_is_marked(
    generator: str, answer: str, sources: int, *, expected: bool
) -> None:
    assert cites_none(generator, answer, sources) is expected
