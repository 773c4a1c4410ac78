import pytest

from dynavera.cli.excerpts import MAX_LENGTH, excerpt


@pytest.mark.parametrize(
    ("passage", "line"),
    [
        ("Light is absorbed\nby blood.", "Light is absorbed by blood."),
        (
            "# fNIRS\n\n## How fNIRS compares\n\n**fMRI** is [slower](https://x.org), `EEG` *less* local.",
            "fNIRS › How fNIRS compares: fMRI is slower, EEG less local.",
        ),
        ("Text.\n\n## Below\n\n- one\n> two", "Text. Below one two"),
        ("## Only a heading ##", "Only a heading"),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a b 1 2"),
        ("```python\nx = 2 * 3 * 4\n```", "x = 2 * 3 * 4"),
        ("snake_case_names and a_b", "snake_case_names and a_b"),
        ("\x1b[31mred", "�[31mred"),
        ("", ""),
    ],
)
def test_excerpt_is_one_line_without_markdown(passage: str, line: str) -> None:
    assert excerpt(passage) == line


def test_long_excerpt_ends_in_an_ellipsis() -> None:
    line = excerpt("word " * 100)

    assert len(line) == MAX_LENGTH
    assert line.endswith("…")
