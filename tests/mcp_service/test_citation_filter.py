"""Citations of passages that do not exist."""

import random
import time
from itertools import pairwise

import pytest

from mcp_service.citation_filter import MAX_LENGTH, Citations, removal_note, strip_citations

PASSAGES = 4

REMOVED = [
    ("Light is red [7].", "Light is red.", [7]),
    ("Light is red. [7]", "Light is red.", [7]),
    ("Light is red[7]. It shines.", "Light is red. It shines.", [7]),
    ("Light is red [0] here.", "Light is red here.", [0]),
    ("Light is red [1][7][2].", "Light is red [1][2].", [7]),
    ("Light is red [7][8].", "Light is red.", [7, 8]),
    ("HbO2 [7][8] rises.", "HbO2 rises.", [7, 8]),
    ("Light is red [1, 9].", "Light is red [1].", [9]),
    ("Light is red [ 9 ; 1 ].", "Light is red [1].", [9]),
    ("Light is red [2-9].", "Light is red [2-4].", [5, 6, 7, 8, 9]),
    ("Light is red [4–6].", "Light is red [4].", [5, 6]),
    ("Light is red [1, 3-5, 12].", "Light is red [1, 3-4].", [5, 12]),
    ("Light is red [999].", "Light is red.", [999]),
    ("[7] Light is red.", "Light is red.", [7]),
    ("One.\n\n[7]  Two.\n- [8] Three.", "One.\n\nTwo.\n- Three.", [7, 8]),
    ("“Light” [7], (light) [8]!", "“Light”, (light)!", [7, 8]),
    ("Light is `red` [7].", "Light is `red`.", [7]),
    ("A lone ` here.\n\nLight is red [7].", "A lone ` here.\n\nLight is red.", [7]),
    ("```\na [7]\n```\nLight [7].", "```\na [7]\n```\nLight.", [7]),
    ("Das Gehirn 🧠 [7] ist ein Organ.", "Das Gehirn 🧠 ist ein Organ.", [7]),
]

KEPT = [
    "Light is red [1], and [2][3] blue [1, 4] and [2-3].",
    "No brackets at all.",
    "The code `values [10]` and ``a ` b [9]`` stay.",
    "```python\nvalues = [7]\nvalues [9]\n```\n",
    "~~~\nvalues [9]\n```\n[8]\n~~~\n",
    "- a list\n  ```\n  [9]\n  ```\n",
    "An index a[10], x_1[7], m[0][9], or f(a[10]).",
    "The interval [0, 10] and [-1, 9] and [9-2] and [0.5, 9].",
    "A link [7](https://example.org) and \\[7\\].",
    "The year [1977], a box [ ] and [x], a note [^7], [7 of 9].",
    "It ends with [",
    "It ends with [7",
    "It ends with spaces   ",
]


def filter_citations(text: str, cuts: list[int], passages: int = PASSAGES) -> tuple[str, list[int]]:
    citations = Citations(passages)
    chunks = [citations.feed(text[start:end]) for start, end in pairwise([0, *sorted(cuts), len(text)])]
    return "".join([*chunks, citations.flush()]), citations.removed


@pytest.mark.parametrize(("text", "published", "numbers"), REMOVED)
def test_an_invalid_citation_is_removed(text: str, published: str, numbers: list[int]) -> None:
    assert filter_citations(text, []) == (published, numbers)


@pytest.mark.parametrize("text", KEPT)
def test_text_that_may_not_be_a_citation_stays(text: str) -> None:
    assert filter_citations(text, []) == (text, [])


@pytest.mark.parametrize("text", [text for text, _, _ in REMOVED] + KEPT)
def test_chunks_can_be_split_anywhere(text: str) -> None:
    whole = filter_citations(text, [])
    chance = random.Random(text)

    letters = filter_citations(text, list(range(len(text))))
    cut = [filter_citations(text, [cut]) for cut in range(len(text))]
    mixed = [filter_citations(text, [chance.randrange(len(text)) for _ in range(5)]) for _ in range(20)]

    assert [it for it in [letters, *cut, *mixed] if it != whole] == []


@pytest.mark.parametrize("text", [published for _, published, _ in REMOVED] + KEPT)
def test_filtering_is_idempotent(text: str) -> None:
    assert filter_citations(text, []) == (text, [])


@pytest.mark.parametrize("place", range(40))
def test_filtering_continues_after_published_text(place: int) -> None:
    text = "See `a[9]` and\n```\n[9]\n```\nLight [1][2] is red."
    citations = Citations(PASSAGES)
    citations.skip(text[:place])

    rest = citations.feed(text[place:]) + citations.flush()

    assert text[:place] + rest == text


def test_few_characters_are_held_back() -> None:
    citations = Citations(PASSAGES)
    published = 0

    for count, character in enumerate(
        "Light [1 is red [ 1,  2,   3,    4,     5,      6, [[[ and so on [1][2][9] [12].", start=1
    ):
        published += len(citations.feed(character))
        removed = len(" [9]") + len(" [12]") if citations.removed else 0
        assert count - published <= MAX_LENGTH + removed


def test_a_valid_citation_is_not_held_back() -> None:
    citations = Citations(PASSAGES)

    assert [citations.feed(piece) for piece in ("Light is red [", "1", "]", " It")] == [
        "Light is red",
        "",
        " [1]",
        " It",
    ]


def test_without_passages_all_citations_are_removed() -> None:
    assert filter_citations("Light is red [1].", [], passages=0) == ("Light is red.", [1])
    assert strip_citations("Light is red [12, 13]. It shines [3].") == "Light is red. It shines."


@pytest.mark.parametrize("hostile", ["[", " ", " [", "[1", "[1,", "`", "a[7]", " [7]", "\n", "~~~\n"])
def test_no_text_is_slow(hostile: str) -> None:
    text = (hostile * 200_000)[:200_000]
    started = time.monotonic()

    filter_citations(text, [])

    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("numbers", "note"),
    [
        ([7], "Removed a citation of passage 7, which does not exist."),
        ([7, 9], "Removed citations of passages 7 and 9, which do not exist."),
        ([5, 7, 9], "Removed citations of passages 5, 7 and 9, which do not exist."),
        (list(range(5, 99)), "Removed citations of 94 passages that do not exist."),
    ],
)
def test_removal_notes(numbers: list[int], note: str) -> None:
    assert removal_note(numbers) == note
