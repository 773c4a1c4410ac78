"""Tables of web pages as entries: each row with the names of its columns."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from mcp_service.knowledge.extraction.entries import paragraphs, row_paragraphs

Element: TypeAlias = Any
TextOf: TypeAlias = Callable[[Element], str]
Row: TypeAlias = list[str]

MAX_SPAN = 100
"""Columns or rows of one cell."""

_HEADINGS = "descendant::h1|descendant::h2|descendant::h3|descendant::h4|descendant::h5|descendant::h6"


def table_entries(table: Element, text_of: TextOf) -> list[str] | None:
    """The caption and the rows of a table; None if it only arranges parts of the page."""
    if table.get("role") in {"presentation", "none"} or table.xpath(_HEADINGS):
        return None
    own_rows = [row for row in table.iter("tr") if next(row.iterancestors("table")) is table]
    if table.xpath("descendant::table"):
        if not any(cell.tag == "th" for row in own_rows for cell in row):
            return None
        _flatten_tables(table, text_of)
    rows = [_cells(row) for row in own_rows]
    rows = [row for row in rows if any(text_of(cell) for cell in row)]
    columns = max(map(_width, rows), default=0)
    headers = _header_rows(rows)
    if columns < 2 or (len(rows) < 2 and not headers):
        return None
    grid = _grid(rows, text_of)
    caption = [text for each in table.iter("caption") if (text := text_of(each))]
    if not headers and columns == 2 and _has_row_names(rows, text_of):
        return [*caption, *paragraphs((name.rstrip(":"), value) for name, value in grid)]
    names = _names(grid[: headers or 1])
    return [*caption, *_entries(names, rows[headers or 1 :], grid[headers or 1 :])]


def _flatten_tables(table: Element, text_of: TextOf) -> None:
    """Replace the tables in the cells of a table by their text, one line each."""
    for nested in reversed(list(table.iterdescendants("table"))):
        entries = table_entries(nested, text_of)
        line = nested.makeelement("span")
        text = "; ".join(each.replace("\n", ", ") for each in entries or [text_of(nested)])
        line.text = f" {text} "
        line.tail = nested.tail
        nested.getparent().replace(nested, line)


def _cells(row: Element) -> list[Element]:
    return [cell for cell in row if cell.tag in {"td", "th"}]


def _width(row: Sequence[Element]) -> int:
    return sum(_span(cell, "colspan") for cell in row)


def _span(cell: Element, name: str) -> int:
    value = cell.get(name, "1").strip()
    return min(int(value), MAX_SPAN) if value.isdecimal() and int(value) else 1


def _header_rows(rows: Sequence[Sequence[Element]]) -> int:
    for number, row in enumerate(rows):
        if row[0].getparent().getparent().tag != "thead" and any(cell.tag == "td" for cell in row):
            return number
    return min(len(rows), 1)


def _has_row_names(rows: Sequence[Sequence[Element]], text_of: TextOf) -> bool:
    first = [row[0] for row in rows]
    return all(cell.tag == "th" for cell in first) or all(text_of(cell).endswith(":") for cell in first)


def _grid(rows: Sequence[Sequence[Element]], text_of: TextOf) -> list[Row]:
    """The text at each place; a cell that spans several is at each of them."""
    grid: list[Row] = []
    columns = max(map(_width, rows))
    spanning: dict[int, tuple[int, str]] = {}
    for row in rows:
        cells = iter(row)
        line: Row = []
        while len(line) < columns:
            left, text = spanning.pop(len(line), (0, ""))
            if left:
                if left > 1:
                    spanning[len(line)] = (left - 1, text)
                line.append(text)
            elif (cell := next(cells, None)) is not None:
                text, below = text_of(cell), _span(cell, "rowspan") - 1
                for column in range(len(line), len(line) + _span(cell, "colspan")):
                    if below:
                        spanning[column] = (below, text)
                    line.append(text)
            else:
                line.append("")
        grid.append(line)
    return grid


def _names(headers: Sequence[Row]) -> Row:
    columns = zip(*headers, strict=True)
    return [" ".join(dict.fromkeys(name for name in column if name)) for column in columns]


def _entries(names: Row, rows: Sequence[Sequence[Element]], grid: Sequence[Row]) -> Iterator[str]:
    if not rows:
        yield from row_paragraphs([names])
    for row, texts in zip(rows, grid, strict=True):
        if len(row) == 1 and len(names) > 1 and len(set(texts)) == 1:
            # A row of one cell is a heading within the table.
            yield texts[0]
        else:
            yield from row_paragraphs([names, texts])
