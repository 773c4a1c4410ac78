"""Entries of tables and JSON as self-contained paragraphs: each value with the name of its field."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from mcp_service.knowledge.extraction.encoded_data import strip_encoded_data
from mcp_service.knowledge.splitting import PASSAGE_CHARACTERS

MAX_NAME_LENGTH = 100
MAX_VALUE_LENGTH = PASSAGE_CHARACTERS - 2 * MAX_NAME_LENGTH
"""Code points of a value in one paragraph; a longer one continues in the next, under the same name."""


def paragraphs(fields: Iterable[tuple[str, str]]) -> Iterator[str]:
    """An entry as `name: value` lines; a long one as several paragraphs, each starting with the first field."""
    lines = [line for name, value in fields for line in _lines(name, value)]
    first_field = lines[:1] if lines and len(lines[0]) <= MAX_NAME_LENGTH else []
    paragraph: list[str] = []
    size = 0
    for line in lines:
        if paragraph and size + len(line) > PASSAGE_CHARACTERS:
            yield "\n".join(paragraph)
            paragraph, size = list(first_field), sum(map(len, first_field)) + 1
        paragraph.append(line)
        size += len(line) + 1
    if paragraph:
        yield "\n".join(paragraph)


def row_paragraphs(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The rows of a table, whose first row has the column names."""
    filled = (row for row in rows if any(cell.strip() for cell in row))
    header = next(filled, None)
    if header is None:
        return
    first = next(filled, None)
    if first is None:
        yield from paragraphs([("columns", ", ".join(filter(None, map(one_line, header))))])
        return
    for row in chain([first], filled):
        yield from paragraphs((_column(header, index), cell) for index, cell in enumerate(row))


def one_line(text: str) -> str:
    """`text` with its white space collapsed."""
    return " ".join(text.split())


def _column(header: Sequence[str], index: int) -> str:
    return (one_line(header[index]) if index < len(header) else "") or f"column {index + 1}"


def _lines(name: str, value: str) -> Iterator[str]:
    label, text = one_line(name)[:MAX_NAME_LENGTH], one_line(strip_encoded_data(value))
    start = 0
    while start < len(text):
        end = min(start + MAX_VALUE_LENGTH, len(text))
        if end < len(text):
            # Break between words, if possible.
            space = text.rfind(" ", start + 1, end + 1)
            end = space if space > 0 else end
        yield f"{label}: {text[start:end].strip()}"
        start = end
