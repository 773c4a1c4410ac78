"""CSV and similar formats."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from mcp_service.knowledge.extraction.entries import one_line, row_paragraphs
from mcp_service.knowledge.extraction.errors import FileRefused, damaged

SAMPLE_CHARACTERS = 64 * 1024
SAMPLE_ROWS = 100
"""Rows from which the delimiter and the header are guessed."""

DELIMITERS = "\t;|,"
"""The first of those that fit equally well is the delimiter: a comma may be a decimal one."""

_SEPARATOR_LINE = re.compile(r'\A"?sep=(.)"?[ \t]*\n', re.IGNORECASE)
_MIN_PADDED_WIDTH = 4
_NUMBER = re.compile(r"[-+]?\d[\d.,\s]*%?")
_IMAGE = re.compile(r"data:[\w.+-]+/[\w.+-]+;base64,[A-Za-z0-9+/]*={0,2}")


def csv_paragraphs(text: str, delimiter: str | None = None) -> Iterator[str]:
    """The rows of a table; if `delimiter` is not given or not used, it is guessed.

    Raises:
        FileRefused: the file is not such a table.
    """
    # The comma in a data URI would end a cell.
    text = _IMAGE.sub("", text)
    csv.field_size_limit(len(text) + 1)
    if declared := _SEPARATOR_LINE.match(text):
        delimiter, text, first_line = declared[1], text[declared.end() :], 2
    else:
        first_line = 1
    if delimiter is None or delimiter not in text:
        delimiter = _delimiter(text)
    try:
        rows = (row for row in _rows(text, delimiter, first_line) if any(cell.strip() for cell in row))
        sample = list(islice(rows, SAMPLE_ROWS))
        titles = _title_rows(sample) if sample else 0
        if _lacks_first_name(sample, titles):
            titles -= 1
            sample[titles].insert(0, "")
        if titles:
            yield "\n".join(": ".join(filter(None, map(one_line, row))) for row in sample[:titles])
        yield from row_paragraphs(chain(sample[titles:], rows))
    except csv.Error as error:
        raise damaged("CSV") from error


def is_tab_separated(text: str) -> bool:
    """Whether every line has the same number of tabs."""
    lines = [line for line in text[:SAMPLE_CHARACTERS].split("\n")[:SAMPLE_ROWS] if line.strip()]
    return len(lines) > 1 and len({line.count("\t") for line in lines}) == 1 and "\t" in lines[0]


def _rows(text: str, delimiter: str, first_line: int) -> Iterator[list[str]]:
    lines = io.StringIO(text, newline="")
    read: list[str] = []
    reader = csv.reader(_recorded(lines, read), delimiter=delimiter, skipinitialspace=True)
    line = first_line
    for row in reader:
        if len(read) > 1:
            _check_closed(read, delimiter, line)
        line += len(read)
        read.clear()
        yield row


def _recorded(lines: Iterator[str], read: list[str]) -> Iterator[str]:
    for line in lines:
        read.append(line)
        yield line


def _check_closed(lines: Sequence[str], delimiter: str, first_line: int) -> None:
    """Check that a row of several lines is not the effect of a quotation mark that is never closed.

    Raises:
        FileRefused: it is.
    """
    try:
        list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise FileRefused(
            "damaged", f"A quotation mark in line {first_line} is not closed. Close it, or double it if it is text."
        ) from error


def _delimiter(text: str) -> str:
    sample = text[:SAMPLE_CHARACTERS]
    best, best_share = ",", 0.0
    for delimiter in DELIMITERS:
        share = _agreement(sample, delimiter)
        if share > best_share:
            best, best_share = delimiter, share
    return best


def _agreement(sample: str, delimiter: str) -> float:
    """The share of rows with the most common number of cells; 0 if that is one."""
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        widths = Counter(len(row) for row in islice(rows, SAMPLE_ROWS) if row)
    except csv.Error:
        return 0.0
    several = [(count, width) for width, count in widths.items() if width > 1]
    return max(several)[0] / widths.total() if several else 0.0


def _title_rows(rows: Sequence[Sequence[str]]) -> int:
    """The number of rows above the header, which are shorter than the table."""
    widths = Counter(map(_width, rows))
    _, width = max((count, width) for width, count in widths.items())
    for number, row in enumerate(rows):
        if not _is_title(row, width):
            return number
    return 0


def _lacks_first_name(rows: Sequence[Sequence[str]], titles: int) -> bool:
    """Whether the row above row `titles` is the header, without a name for the names of the rows, as R writes it."""
    if not 0 < titles < len(rows):
        return False
    header, first = rows[titles - 1], rows[titles]
    return 1 < len(header) == len(first) - 1 and all(header) and _has_number(first) and not _has_number(header)


def _has_number(row: Sequence[str]) -> bool:
    return any(_NUMBER.fullmatch(cell.strip()) for cell in row)


def _width(row: Sequence[str]) -> int:
    """Cells up to the last one that is filled."""
    return max(number for number, cell in enumerate(row, start=1) if cell.strip())


def _is_title(row: Sequence[str], width: int) -> bool:
    if _width(row) >= width:
        return False
    filled = sum(bool(cell.strip()) for cell in row)
    most = 2 if width >= _MIN_PADDED_WIDTH else 1
    return len(row) < width or filled <= most
