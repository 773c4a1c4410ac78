import pytest

from benchmarks.chaos.answer_text import question_in, rest_after, tokens_of


def test_the_same_seed_and_question_give_the_same_answer() -> None:
    assert tokens_of(1, "Why?", 200) == tokens_of(1, "Why?", 200)
    assert tokens_of(1, "Why?", 200) != tokens_of(2, "Why?", 200)
    assert tokens_of(1, "Why?", 200)[:50] != tokens_of(1, "How?", 200)[:50]
    assert len(tokens_of(1, "Why?", 200)) == 200


@pytest.mark.parametrize("cut", [0, 1, 7, 100, 333])
def test_an_answer_can_be_continued_from_anywhere(cut: int) -> None:
    tokens = tokens_of(1, "Why?", 80)
    whole = "".join(tokens)

    rest = rest_after(tokens, whole[:cut])

    assert rest is not None
    assert whole[:cut] + "".join(rest) == whole


def test_a_complete_answer_has_an_empty_rest() -> None:
    assert rest_after(["A", " b"], "A b") == []


def test_a_text_that_the_answer_does_not_begin_with_has_no_rest() -> None:
    assert rest_after(["A", " b"], "A c") is None


def test_the_question_is_the_end_of_the_prompt() -> None:
    assert question_in("Question: this is quoted\n\nQuestion: What is fNIRS?\n") == "What is fNIRS?"
    assert question_in("Nothing is asked") == ""
