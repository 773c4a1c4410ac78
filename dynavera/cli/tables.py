"""Tables for a person: they fit the terminal, cut no id, and break no word."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

GAP = "  "
LONGEST, SHORTEST = 100, 20
"""How much of a value that may be cut is shown, where there is room, and where there is little."""


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, and the field it shows. What `may_be_cut` ends in an ellipsis."""

    heading: str
    field: str
    may_be_cut: bool = False


@dataclass(frozen=True)
class _Shown:
    """A column as wide as it can be here."""

    index: int
    width: int


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> tuple[list[str], list[str]]:
    """The lines of the heading, and those of the rows: where `width` is too small, several for each row.

    Without a width, as in a file or a pipe, each row is one line.
    """
    headings = [column.heading for column in columns]
    wanted = [max(cell_len(row[index]) for row in (headings, *rows)) for index in range(len(columns))]
    wanted = [min(size, LONGEST) if column.may_be_cut else size for column, size in zip(columns, wanted, strict=True)]
    if width is None:
        lines = [[_Shown(index, size) for index, size in enumerate(wanted)]]
    else:
        lines = list(_lines_within(width, columns, wanted))
    return _written(headings, lines), [line for row in rows for line in _written(row, lines)]


def _lines_within(width: int, columns: Sequence[Column], wanted: Sequence[int]) -> Iterator[list[_Shown]]:
    """The columns, distributed over as many lines as they need; every line but the first is indented."""
    least = [min(size, SHORTEST) if column.may_be_cut else size for column, size in zip(columns, wanted, strict=True)]
    line: list[int] = []
    left = width
    for index, size in enumerate(least):
        if line and size + len(GAP) > left:
            yield _widened(line, least, wanted, left)
            line, left = [], width - len(GAP)
        left -= size + (len(GAP) if line else 0)
        line.append(index)
    yield _widened(line, least, wanted, left)


def _widened(line: Sequence[int], least: Sequence[int], wanted: Sequence[int], left: int) -> list[_Shown]:
    shown: list[_Shown] = []
    for index in line:
        more = max(0, min(wanted[index] - least[index], left))
        shown.append(_Shown(index, least[index] + more))
        left -= more
    return shown


def _written(row: Sequence[str], lines: Sequence[Sequence[_Shown]]) -> list[str]:
    return [
        (GAP * (number > 0) + GAP.join(_fitted(row[column.index], column.width) for column in line)).rstrip()
        for number, line in enumerate(lines)
    ]


def _fitted(value: str, width: int) -> str:
    text = Text(value)
    text.truncate(width, overflow="ellipsis", pad=True)
    return text.plain
