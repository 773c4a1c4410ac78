"""Where sentences end."""

import pytest

from dynavera.contracts.mcp import GivenPassage
from mcp_service.generators.sentences import sentences_of


def texts(passage: str) -> list[str]:
    return [sentence.text for sentence in sentences_of([GivenPassage(text=passage)])]


@pytest.mark.parametrize(
    ("passage", "sentences"),
    [
        ("One is here. Two is there.", ["One is here.", "Two is there."]),
        ("Light of 760.5 nm is used. It is red.", ["Light of 760.5 nm is used.", "It is red."]),
        ("Delpy et al. wrote this down. They did.", ["Delpy et al. wrote this down.", "They did."]),
        ("Some forms, e.g. HbO and HbR, absorb.", ["Some forms, e.g. HbO and HbR, absorb."]),
        (
            "Is it light? It is! He said “so it is.” Fine by me.",
            ["Is it light?", "It is!", "He said “so it is.”", "Fine by me."],
        ),
        ("A line that\ngoes on here. Next one here.", ["A line that goes on here.", "Next one here."]),
        ("- first item is here\n- second item is here", ["first item is here", "second item is here"]),
        ("# Heading of it\n\nBody of the text.", ["Body of the text."]),
        ("No end of a sentence here", ["No end of a sentence here"]),
        ("", []),
    ],
)
def test_a_passage_is_split_into_its_sentences(passage: str, sentences: list[str]) -> None:
    assert [text for text in texts(passage) if text] == [text for text in sentences if len(text.split()) > 2]


def test_a_sentence_that_two_passages_have_is_told_once_from_the_first() -> None:
    twice = [GivenPassage(text="The same is said."), GivenPassage(text="The same is said. And more is said.")]

    assert [(sentence.passage, sentence.text) for sentence in sentences_of(twice)] == [
        (1, "The same is said."),
        (2, "And more is said."),
    ]
