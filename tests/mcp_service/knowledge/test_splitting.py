"""Splitting text into passages."""

import hashlib
from itertools import pairwise

import pytest

from dynavera.records.new_documents import NewPassage
from mcp_service.knowledge.extraction.markdown_files import read_markdown
from mcp_service.knowledge.splitting import PASSAGE_CHARACTERS, split_passages

ARTICLE = """\
Before any heading.

# Light

Light passes.

## Red light

Red light passes best.

```
# not a heading
```

Underlined
----------

More.

# Blood

Blood flows.
"""


def passages_of(markdown: str) -> list[NewPassage]:
    content = read_markdown(markdown, lambda: None)
    return split_passages(content.text, content.headings)


def test_a_passage_has_the_path_of_its_headings() -> None:
    passages = passages_of(ARTICLE)

    assert [passage.heading for passage in passages] == [
        "",
        "Light",
        "Light › Red light",
        "Light › Underlined",
        "Blood",
    ]
    assert passages[2].text.startswith("## Red light\n\nRed light passes best.")
    assert "# not a heading" in passages[2].text


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("# Light", "Light"),
        ("#  Light  ", "Light"),
        ("# Light ##", "Light"),
        ("## C#", "C#"),
        ("# #", ""),
        ("# Light # Blood", "Light # Blood"),
        pytest.param(f"# a{' ' * 20_000}b", "a b", id="space"),
    ],
)
def test_a_heading_has_no_number_signs(line: str, title: str) -> None:
    passages = passages_of(f"{line}\n\nIt passes.")

    assert {passage.heading for passage in passages} == {title}


def test_plain_text_has_no_headings() -> None:
    assert [passage.heading for passage in split_passages(ARTICLE)] == [""]


@pytest.mark.parametrize(
    "text",
    [
        ARTICLE,
        "word " * 5_000,
        "🧠" * 5_000,
        "# only a heading",
        "# a\n## b\n### c",
        "\n\n  text with space around  \n\n",
        f"# {'heading ' * 1_000}\n\nbody",
        "# 标题\n\n" + "大脑消耗氧气。" * 500,
        "a\u2028b\x0bc\x85d " * 400,
    ],
    ids=range(9),
)
def test_passages_match_their_offsets_and_cover_the_text(text: str) -> None:
    passages = passages_of(text)

    assert passages
    for passage in passages:
        assert passage.text == text[passage.start : passage.end] == passage.text.strip() != ""
        assert passage.end - passage.start <= PASSAGE_CHARACTERS + 310
        assert passage.sha256 == hashlib.sha256(passage.text.encode()).hexdigest()
    assert all(before.end <= after.start for before, after in pairwise(passages))
    covered = sum(len("".join(passage.text.split())) for passage in passages)
    headings = sum(len("".join(line.split())) for line in text.splitlines() if line.startswith("#"))
    assert len("".join(text.split())) - headings <= covered <= len("".join(text.split()))
