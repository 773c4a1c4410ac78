"""Tables for people that fit the terminal without truncating ids.

Not rich.table: on a narrow terminal it drops or truncates whole columns, where this continues on the next line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

GAP = "  "
MAX_WIDTH, MIN_WIDTH = 100, 20
"""The width of a column that can be truncated, with and without enough space."""


@dataclass(frozen=True)
class Column:
    """The heading of a column and the field it shows. A truncated value ends in an ellipsis."""

    heading: str
    field: str
    can_truncate: bool = False


@dataclass(frozen=True)
class _Cell:
    """The position and width of a column in a line."""

    index: int
    width: int


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> tuple[list[str], list[str]]:
    """The lines of the heading and of the rows; several lines per row where `width` is too small.

    Without a width, as in a file or a pipe, each row is one line.
    """
    headings = [column.heading for column in columns]
    full_widths = [max(cell_len(row[index]) for row in (headings, *rows)) for index in range(len(columns))]
    full_widths = [
        min(size, MAX_WIDTH) if column.can_truncate else size for column, size in zip(columns, full_widths, strict=True)
    ]
    if width is None:
        lines = [[_Cell(index, size) for index, size in enumerate(full_widths)]]
    else:
        lines = list(_distribute(width, columns, full_widths))
    return _render(headings, lines), [line for row in rows for line in _render(row, lines)]


def _distribute(width: int, columns: Sequence[Column], full_widths: Sequence[int]) -> Iterator[list[_Cell]]:
    """Distribute the columns over as many lines as they need; all lines but the first are indented."""
    min_widths = [
        min(size, MIN_WIDTH) if column.can_truncate else size for column, size in zip(columns, full_widths, strict=True)
    ]
    line: list[int] = []
    remaining = width
    for index, size in enumerate(min_widths):
        if line and size + len(GAP) > remaining:
            yield _widen(line, min_widths, full_widths, remaining)
            line, remaining = [], width - len(GAP)
        remaining -= size + (len(GAP) if line else 0)
        line.append(index)
    yield _widen(line, min_widths, full_widths, remaining)


def _widen(line: Sequence[int], min_widths: Sequence[int], full_widths: Sequence[int], remaining: int) -> list[_Cell]:
    cells: list[_Cell] = []
    for index in line:
        extra = max(0, min(full_widths[index] - min_widths[index], remaining))
        cells.append(_Cell(index, min_widths[index] + extra))
        remaining -= extra
    return cells


def _render(row: Sequence[str], lines: Sequence[Sequence[_Cell]]) -> list[str]:
    return [
        (GAP * (number > 0) + GAP.join(_fit(row[column.index], column.width) for column in line)).rstrip()
        for number, line in enumerate(lines)
    ]


def _fit(value: str, width: int) -> str:
    text = Text(value)
    text.truncate(width, overflow="ellipsis", pad=True)
    return text.plain
