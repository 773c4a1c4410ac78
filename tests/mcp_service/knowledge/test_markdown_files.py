"""Markdown: headings, tables, comments, front matter and encoded data."""

import base64
import random

import pytest

from mcp_service.knowledge.extraction.content import Content, Metadata
from mcp_service.knowledge.extraction.errors import FileRefused
from mcp_service.knowledge.extraction.markdown_files import MAX_WINDOW_LINES, read_markdown
from mcp_service.knowledge.splitting import split_passages

ENCODED = base64.b64encode(random.Random(1).randbytes(3000)).decode()
WRAPPED = "\n".join(ENCODED[start : start + 76] for start in range(0, len(ENCODED), 76))


def read(markdown: str) -> Content:
    return read_markdown(markdown, lambda: None)


def headings(markdown: str) -> list[str]:
    content = read(markdown)
    assert all(content.text[each.start : each.end].strip() for each in content.headings)
    return [passage.heading for passage in split_passages(content.text, content.headings)]


NOT_HEADINGS = {
    "a code block that shows a fence": "```\n```sh\n# no\n```",
    "a longer fence": "````\n```\n# no\n```\n````",
    "code between tildes": "~~~\n# no\n~~~",
    "indented code": "    # no",
    "code in a list item": "1. run\n\n   ```\n   # no\n   ```",
    "a rule after a list": "- oil\n---\nMore.",
    "a rule after a quotation": "> said\n---\nMore.",
    "a rule after a table": "| a | b |\n|---|---|\n| 1 | 2 |\n---\nMore.",
    "a comment": "<!--\n# no\n-->",
    "a comment with a blank line": "<!-- one\n\n# no\n\n-->",
    "HTML": "<pre>\n# no\n</pre>",
    "a tag": "#no",
    "seven signs": "####### no",
}


@pytest.mark.parametrize("case", NOT_HEADINGS)
def test_only_headings_are_headings(case: str) -> None:
    assert headings(f"# Care\n\n{NOT_HEADINGS[case]}\n\n## Oil\n\nWeekly.") in (
        ["Care", "Care › Oil"],
        ["Care › Oil"],
    )


@pytest.mark.parametrize(
    ("markdown", "heading"),
    [
        ("Care of pumps\nand valves\n===\n\nText.", "Care of pumps and valves"),
        ("```oil``` is a command.\n\n# Oil\n\nText.", "Oil"),
        ("- run\n  ```\n  pump\n- next\n\n# Oil\n\nText.", "Oil"),
        ("> ```\n> pump\n\n# Oil\n\nText.", "Oil"),
        ("# Oil <!-- omit in toc -->\n\nText.", "Oil"),
        ("# The `oil` [pump](p.md) is **new**\n\nText.", "The oil pump is new"),
        ("# Oil {#oil .wide}\n\nText.", "Oil"),
        ("# Oil &amp; water\n\nText.", "Oil & water"),
        ("::: warning\n# Oil\n:::\n\nText.", "Oil"),
    ],
)
def test_a_heading_has_its_title(markdown: str, heading: str) -> None:
    assert headings(markdown)[-1] == heading


def test_comments_and_marks_of_containers_are_not_text() -> None:
    text = read("One <!-- hidden --> two `<!-- shown -->`.\n\n::: warning Beware\nHot.\n:::\n\n<!--\nhidden\n-->").text

    assert "hidden" not in text
    assert ":::" not in text
    assert "`<!-- shown -->`" in text
    assert "Beware\nHot." in text


def test_html_in_markdown_is_read_as_html() -> None:
    content = read(
        '<h1 align="center">Pump</h1>\n\nText.\n\n<table><tr><th>Part<th>Nm<tr><td>B-1<td>25</table>\n\nEnd.'
    )

    assert [heading.title for heading in content.headings] == ["Pump"]
    assert "Part: B-1\nNm: 25\n\n" in content.text
    assert "<" not in content.text


def test_each_row_of_a_table_has_the_names_of_its_columns() -> None:
    content = read("# Bolts\n\n| **Part** | Torque \\| Nm |\n|:--|--:|\n| B-1 | 25 |\n| B-2 | |\n\nAll steel.\n")

    assert content.text == "# Bolts\n\nPart: B-1\nTorque | Nm: 25\n\nPart: B-2\n\nAll steel.\n"


@pytest.mark.parametrize("prefix", ["> ", "  "])
def test_a_table_in_another_block_is_read_too(prefix: str) -> None:
    table = f"{prefix}| Part | Torque |\n{prefix}|---|---|\n{prefix}| B-1 | 25 |"

    text = read(f"- Bolts\n\n{table}" if prefix == "  " else table).text

    assert f"{prefix}Part: B-1\n{prefix}Torque: 25" in text


def test_a_table_of_any_length_keeps_its_header_in_every_row() -> None:
    rows = 3 * MAX_WINDOW_LINES

    text = read("| Part | Torque |\n|--|--|\n" + "".join(f"| B-{number} | 7 |\n" for number in range(rows))).text

    assert text.count("Torque: 7") == text.count("Part: B-") == rows


@pytest.mark.parametrize(("opening", "closing"), [("~~~", "~~~"), ("<!--", "-->")])
def test_a_block_of_any_length_is_read_whole(opening: str, closing: str) -> None:
    inside = "# no\n" * 3 * MAX_WINDOW_LINES

    assert set(headings(f"# Care\n\n{opening}\n{inside}{closing}\n\n# Oil\n\nText.")) <= {"Care", "Oil"}


FRONT_MATTER = {
    "YAML": "---\ntitle: Pump P-3\ndate: 2026-01-02\ntags: [oil, care]\ndraft: false\n---\n",
    "YAML ended by dots": "---\n# old\ntitle: 'Pump P-3'\ndate: 2026-01-02\ntags:\n- oil\n- care\n...\n",
    "YAML with a mistake": "---\ntitle: Pump P-3\ndate: 2026-01-02\ntags: oil, care\nnote: a: b\n---\n",
    "TOML": "+++\n# old\ntitle = 'Pump P-3'\ndate = 2026-01-02\n[taxonomies]\ntags = ['oil', 'care']\n+++\n",
    "TOML between dashes": "---toml\ntitle = 'Pump P-3'\ndate = 2026-01-02\ntags = ['oil', 'care']\n---\n",
    "JSON between dashes": '---json\n{"title": "Pump P-3", "date": "2026-01-02", "tags": ["oil", "care"]}\n---\n',
    "JSON": '{\n"title": "Pump P-3", "date": "2026-01-02", "tags": ["oil", "care"]\n}\n',
}


@pytest.mark.parametrize("case", FRONT_MATTER)
def test_front_matter_is_metadata(case: str) -> None:
    content = read(f"{FRONT_MATTER[case]}\nOiled weekly.")

    assert content.metadata == Metadata("Pump P-3", "2026-01-02", ("oil", "care"))
    assert content.text.strip() == "Oiled weekly."
    assert [passage.heading for passage in split_passages(content.text, content.headings)] == ["Pump P-3"]


@pytest.mark.parametrize("text", ["---\n\nNot: metadata\n\n---\n", "---\nA sentence stands here.\n\n---\nAnother."])
def test_a_rule_at_the_top_is_not_front_matter(text: str) -> None:
    content = read(text)

    assert (content.text, content.metadata) == (text, Metadata())


ENCODED_DATA = {
    "an image": f"![drawing](data:image/png;base64,{ENCODED})",
    "an image with a title": f"![drawing](<data:image/png;base64,{ENCODED}> 'drawing')",
    "an image in SVG": f"![drawing](data:image/svg+xml;utf8,{'%3Csvg(1)' * 50})",
    "a reference": f"![drawing][image1]\n\n[image1]: <data:image/png;base64,{ENCODED}>",
    "a tag": f"<img alt='drawing' width=9 src='data:image/png;base64,{ENCODED}'>",
    "a style": f"drawing `url(data:font/woff2;base64,{ENCODED})`",
    "base64 alone": f"drawing\n\n```\n{ENCODED}\n```",
    "base64 in lines": f"drawing\n\n```\n{WRAPPED}\n```",
}


@pytest.mark.parametrize("case", ENCODED_DATA)
def test_encoded_data_is_not_text(case: str) -> None:
    content = read(f"# Pump\n\n{ENCODED_DATA[case]}\n\nIt runs at 42 bar.")

    [passage] = split_passages(content.text, content.headings)
    assert len(passage.text) < 100
    assert "drawing" in passage.text
    assert "42 bar" in passage.text


@pytest.mark.parametrize("text", ["GATTACA" * 100, "a/long/path/of-many_Parts2/" * 20, "=" * 500, "word " * 500])
def test_long_text_is_not_encoded_data(text: str) -> None:
    assert read(text).text == text


def test_too_many_headings_are_refused() -> None:
    with pytest.raises(FileRefused, match="50,000 headings"):
        read("# a\n" * 50_001)
