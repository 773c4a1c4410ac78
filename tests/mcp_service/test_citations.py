"""Citations of passages that were not given."""

import random
import time
from itertools import pairwise

import pytest

from mcp_service.citations import LONGEST, Citations, remark_on, without_citations

GIVEN = 4

LEFT_OUT = [
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


def read(text: str, cuts: list[int], given: int = GIVEN) -> tuple[str, list[int]]:
    citations = Citations(given)
    pieces = [citations.read(text[start:end]) for start, end in pairwise([0, *sorted(cuts), len(text)])]
    return "".join([*pieces, citations.rest()]), citations.left_out


@pytest.mark.parametrize(("text", "published", "numbers"), LEFT_OUT)
def test_a_citation_of_what_was_not_given_is_left_out(text: str, published: str, numbers: list[int]) -> None:
    assert read(text, []) == (published, numbers)


@pytest.mark.parametrize("text", KEPT)
def test_what_is_not_surely_a_wrong_citation_stays(text: str) -> None:
    assert read(text, []) == (text, [])


@pytest.mark.parametrize("text", [text for text, _, _ in LEFT_OUT] + KEPT)
def test_pieces_may_be_cut_anywhere(text: str) -> None:
    whole = read(text, [])
    chance = random.Random(text)

    letters = read(text, list(range(len(text))))
    cut = [read(text, [cut]) for cut in range(len(text))]
    mixed = [read(text, [chance.randrange(len(text)) for _ in range(5)]) for _ in range(20)]

    assert [it for it in [letters, *cut, *mixed] if it != whole] == []


@pytest.mark.parametrize("text", [published for _, published, _ in LEFT_OUT] + KEPT)
def test_what_is_published_once_is_published_again_as_it_is(text: str) -> None:
    assert read(text, []) == (text, [])


@pytest.mark.parametrize("place", range(40))
def test_it_goes_on_after_what_was_published(place: int) -> None:
    text = "See `a[9]` and\n```\n[9]\n```\nLight [1][2] is red."
    citations = Citations(GIVEN)
    citations.resume(text[:place])

    rest = citations.read(text[place:]) + citations.rest()

    assert text[:place] + rest == text


def test_little_is_held_back() -> None:
    citations = Citations(GIVEN)
    published = 0

    for count, sign in enumerate(
        "Light [1 is red [ 1,  2,   3,    4,     5,      6, [[[ and so on [1][2][9] [12].", start=1
    ):
        published += len(citations.read(sign))
        left_out = len(" [9]") + len(" [12]") if citations.left_out else 0
        assert count - published <= LONGEST + left_out


def test_a_right_citation_is_not_held_back() -> None:
    citations = Citations(GIVEN)

    assert [citations.read(piece) for piece in ("Light is red [", "1", "]", " It")] == [
        "Light is red",
        "",
        " [1]",
        " It",
    ]


def test_without_passages_there_is_nothing_to_cite() -> None:
    assert read("Light is red [1].", [], given=0) == ("Light is red.", [1])
    assert without_citations("Light is red [12, 13]. It shines [3].") == "Light is red. It shines."


@pytest.mark.parametrize("hostile", ["[", " ", " [", "[1", "[1,", "`", "a[7]", " [7]", "\n", "~~~\n"])
def test_no_text_takes_long(hostile: str) -> None:
    text = (hostile * 200_000)[:200_000]
    started = time.monotonic()

    read(text, [])

    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("numbers", "remark"),
    [
        ([7], "A citation of passage 7, which was not given, was left out."),
        ([7, 9], "Citations of passages 7 and 9, which were not given, were left out."),
        ([5, 7, 9], "Citations of passages 5, 7 and 9, which were not given, were left out."),
        (list(range(5, 99)), "Citations of 94 passages that were not given were left out."),
    ],
)
def test_people_are_told(numbers: list[int], remark: str) -> None:
    assert remark_on(numbers) == remark
