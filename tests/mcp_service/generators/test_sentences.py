"""Splitting passages into sentences."""

import pytest

from dynavera.contracts.mcp import GivenPassage
from mcp_service.generators.sentences import split_sentences


def texts(passage: str) -> list[str]:
    return [sentence.text for sentence in split_sentences([GivenPassage(text=passage)])]


@pytest.mark.parametrize(
    ("passage", "sentences"),
    [
        ("One is over here. Two is over there.", ["One is over here.", "Two is over there."]),
        ("Light of 760.5 nm is used. It is red.", ["Light of 760.5 nm is used.", "It is red."]),
        ("Optodes shift by 0.5 mm at most. That is little.", ["Optodes shift by 0.5 mm at most.", "That is little."]),
        ("It was described in 1990. Then it was used.", ["It was described in 1990.", "Then it was used."]),
        ("Delpy et al. wrote this down. They did so.", ["Delpy et al. wrote this down.", "They did so."]),
        ("Some forms, e.g. HbO and HbR, absorb it.", ["Some forms, e.g. HbO and HbR, absorb it."]),
        ("See Fig. 2 for the shape. It is round.", ["See Fig. 2 for the shape.", "It is round."]),
        ("As Dr. F. Jöbsis (cf. p. 4) said, it works.", ["As Dr. F. Jöbsis (cf. p. 4) said, it works."]),
        (
            "Is it now light? It is light! He said “so it is.” That is fine.",
            ["Is it now light?", "It is light!", "He said “so it is.”", "That is fine."],
        ),
        ("Das ist z. B. am 3. Mai so. Es wiegt ca. 1,4 kg.", ["Das ist z. B. am 3. Mai so.", "Es wiegt ca. 1,4 kg."]),
        ("M. Dupont l’a dit hier. Voir p. ex. le cortex.", ["M. Dupont l’a dit hier.", "Voir p. ex. le cortex."]),
        ("脳は酸素を必要とする。それは器官である。", ["脳は酸素を必要とする。", "それは器官である。"]),
        (
            "Il sig. Rossi controlla la pompa. Poi parte subito.",
            ["Il sig. Rossi controlla la pompa.", "Poi parte subito."],
        ),
        ("Ул. Ленина, д. 3 закрыта. Да, это так.", ["Ул. Ленина, д. 3 закрыта.", "Да, это так."]),
        ("वाल्व तीन बार पर खुलता है। उसे मत बदलें।", ["वाल्व तीन बार पर खुलता है।", "उसे मत बदलें।"]),
        ("วาล์วเปิดที่สามบาร์ ห้ามปรับตั้งเอง", ["วาล์วเปิดที่สามบาร์", "ห้ามปรับตั้งเอง"]),
        ("There is no end of a sentence here", ["There is no end of a sentence here"]),
        ("", []),
    ],
)
def test_sentences_end_as_in_their_language(passage: str, sentences: list[str]) -> None:
    assert texts(passage) == sentences


@pytest.mark.parametrize(
    ("passage", "sentences"),
    [
        ("A line that\ngoes on here. The next one here.", ["A line that goes on here.", "The next one here."]),
        ("- the first item is here\n- the second item", ["the first item is here", "the second item"]),
        ("1. Open the front door.\n2. Close the front door.", ["Open the front door.", "Close the front door."]),
        (
            "Items are these:\n\n* one item here\n  * an item below",
            ["Items are these:", "one item here", "an item below"],
        ),
        ("> Quoted by somebody else.", ["Quoted by somebody else."]),
        ("# Heading of the text\n\nBody of the text.", ["Body of the text."]),
        ("Heading of the text\n===\n\nBody of the text.", ["Body of the text."]),
        ("| a | b | c |\n|---|---|---|\n| one | two | three |\n\nAfter the table.", ["After the table."]),
        ("| the rows of | a table | that was cut |", []),
        ("```python\nthis is code here\n```\nText after the code.", ["Text after the code."]),
        ("It is *really* **very** good.", ["It is really very good."]),
        ("Read [the manual](https://example.org/a.b?c=d) first.", ["Read the manual first."]),
        ("The ![a small picture](x.png) is here below.", ["The is here below."]),
        ("Run `answer[:offset] + text` to see it.", ["Run `answer[:offset] + text` to see it."]),
        ("Fish &amp; chips, 3 \\* 4 of them.", ["Fish & chips, 3 * 4 of them."]),
        ("## References\n\nSmith J (2009) A paper about light. Nature 1:2–3.", []),
        ("## References\n\nSmith J (2009) A paper.\n\n## More\n\nThis is said here.", ["This is said here."]),
    ],
)
def test_markdown_syntax_is_not_quoted(passage: str, sentences: list[str]) -> None:
    assert texts(passage) == sentences


def test_a_repeated_sentence_belongs_to_the_first_passage() -> None:
    twice = [GivenPassage(text="The same is said."), GivenPassage(text="The same is said. And more is said.")]

    assert [(sentence.passage, sentence.text) for sentence in split_sentences(twice)] == [
        (1, "The same is said."),
        (2, "And more is said."),
    ]


@pytest.mark.parametrize(
    ("passage", "sentence"),
    [
        ("The main\u00adten\u00adance of pumps is yearly.", "The maintenance of pumps is yearly."),
        ("The main\u200btenance of\u2060 pumps is yearly.", "The maintenance of pumps is yearly."),
        ("The main\ufefftenance of\u00a0pumps takes 5\u202fmin.", "The maintenance of pumps takes 5 min."),
        ("The main\u200dtenance of \u200cpumps is yearly.", "The maintenance of pumps is yearly."),
        (
            "The sign \U0001f469\u200d\U0001f52c stands for research.",
            "The sign \U0001f469\u200d\U0001f52c stands for research.",
        ),
        ("این پمپ را هر روز می\u200cشویند.", "این پمپ را هر روز می\u200cشویند."),
    ],
)
def test_invisible_characters_are_not_quoted_unless_they_shape_the_text(passage: str, sentence: str) -> None:
    assert texts(passage) == [sentence]
