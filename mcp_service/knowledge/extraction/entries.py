"""Entries of tables and lists as paragraphs that can be read alone: each value with the name of its field."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from mcp_service.knowledge.splitting import PASSAGE_CHARACTERS

LONGEST_NAME = 100
LONGEST_VALUE = PASSAGE_CHARACTERS - 2 * LONGEST_NAME
"""Code points of a value in one paragraph: what is longer goes on in the next one, under the same name."""


def paragraphs(fields: Iterable[tuple[str, str]]) -> Iterator[str]:
    """An entry as `name: value` lines; a long one as several paragraphs, each beginning with the first field."""
    lines = [line for name, value in fields for line in _lines(name, value)]
    lead = lines[:1] if lines and len(lines[0]) <= LONGEST_NAME else []
    paragraph: list[str] = []
    size = 0
    for line in lines:
        if paragraph and size + len(line) > PASSAGE_CHARACTERS:
            yield "\n".join(paragraph)
            paragraph, size = list(lead), sum(map(len, lead)) + 1
        paragraph.append(line)
        size += len(line) + 1
    if paragraph:
        yield "\n".join(paragraph)


def of_table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The rows of a table; its first row has the names of the columns."""
    told = (row for row in rows if any(cell.strip() for cell in row))
    header = next(told, None)
    if header is None:
        return
    first = next(told, None)
    if first is None:
        yield from paragraphs([("columns", ", ".join(filter(None, map(one_line, header))))])
        return
    for row in chain([first], told):
        yield from paragraphs((_column(header, place), cell) for place, cell in enumerate(row))


def one_line(text: str) -> str:
    """`text` with its white space folded."""
    return " ".join(text.split())


def _column(header: Sequence[str], place: int) -> str:
    return (one_line(header[place]) if place < len(header) else "") or f"column {place + 1}"


def _lines(name: str, value: str) -> Iterator[str]:
    told, whole = one_line(name)[:LONGEST_NAME], one_line(value)
    start = 0
    while start < len(whole):
        end = min(start + LONGEST_VALUE, len(whole))
        if end < len(whole):
            # A break between words, where there is one.
            space = whole.rfind(" ", start + 1, end + 1)
            end = space if space > 0 else end
        yield f"{told}: {whole[start:end].strip()}"
        start = end
